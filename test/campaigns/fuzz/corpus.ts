import { documentInputs } from './corpus/documents.ts'
import { formInputs } from './corpus/forms.ts'
import { httpInputs } from './corpus/http.ts'
import { mutations } from './corpus/mutations.ts'
import { strings } from './corpus/strings.ts'
import { types } from './corpus/types.ts'
import type { FuzzInput } from './input.ts'

/** The inputs that every run sends, all in the same order. */
export const corpus: readonly FuzzInput[] = [
  ...strings,
  ...types,
  ...documentInputs,
  ...httpInputs,
  ...mutations,
  ...formInputs,
]
