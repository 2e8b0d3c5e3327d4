/**
 * The guard's package entry. The guard itself (the part inside a gateway that refuses invalidated tokens) is not built
 * yet; the entry is here so that its address never changes.
 */
export {}
