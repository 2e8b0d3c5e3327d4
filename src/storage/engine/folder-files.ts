import { NodeFS } from '@electric-sql/pglite/nodefs'
import { wasmErrnoOf } from './file-faults.ts'

/**
 * PGlite's files in a folder.
 *
 * Of some errnos Node has only the number, as of a disk quota that is used up. PGlite knows no such code, takes the
 * operation for done, and reads later what it has not written. So each code is translated before PGlite does it.
 */
export class FolderFiles extends NodeFS {
  override async init(...given: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(...given)
    const translate: NonNullable<typeof emscriptenOpts.preRun>[number] = (module) => {
      Reflect.set(module.NODEFS, 'convertNodeCode', wasmErrnoOf)
    }
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), translate] } }
  }
}
