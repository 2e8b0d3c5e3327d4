/** That of package.json, which a bundle does not have. A test compares the two. */
export const version = '0.1.0'
