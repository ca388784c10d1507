import type { PageProps } from "#console/page.ts";
import { AuditLog } from "./audit-log.tsx";
import { TokenState } from "./token-state.tsx";
import { TokenTable } from "./tokens.tsx";

/** The access page: the deployment's tokens, and what was done with them. */
export function AccessPage({ session }: PageProps) {
  return (
    <>
      <h1>Access</h1>
      <TokenState token={session.token} />
      <h2>Tokens</h2>
      <TokenTable client={session.client} own={session.token.id} />
      <h2>Audit log</h2>
      <AuditLog client={session.client} />
    </>
  );
}
