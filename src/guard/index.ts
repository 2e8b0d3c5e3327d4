/**
 * The package entry of the guard: the part inside a gateway that refuses invalidated tokens. The guard is not
 * implemented yet. The entry exists already so that its import path never changes.
 */
export {}
