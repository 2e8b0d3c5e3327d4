import { type DocumentNode, getOperationAST } from 'graphql'
import { isShowable } from '../../tokens/shown-name.ts'
import type { RequestContext } from '../request-context.ts'

/** Notes the name of the operation for the log, if it can be shown. */
export function noteOperation(context: RequestContext, document: DocumentNode, chosen?: string | null): void {
  const name = getOperationAST(document, chosen)?.name?.value
  if (name !== undefined && isShowable(name)) context.findings.operation = name
}
