import { type TokenState, UpriverClient } from "#client/index.ts";

/** A signed-in session: the client with its token, and what the token may do. */
export interface Session {
  client: UpriverClient;
  token: TokenState;
}

const key = "upriver-token";

/**
 * Returns the token of this tab, or null. A link can carry one in its hash (`#token=`), which is never sent to a server;
 * it is removed from the address at once and kept until the tab closes.
 */
export function knownToken(): string | null {
  const given = /^#token=([^&]+)/.exec(location.hash)?.[1];
  if (given) {
    sessionStorage.setItem(key, decodeURIComponent(given));
    history.replaceState(null, "", `${location.pathname}#/`);
  }
  return sessionStorage.getItem(key);
}

/** Signs in. Throws when the edge refuses the token. */
export async function signIn(token: string): Promise<Session> {
  const client = new UpriverClient({ url: location.origin, token });
  const session = { client, token: await client.token() };
  sessionStorage.setItem(key, token);
  return session;
}

/** Removes the token from this tab. */
export function signOut(): void {
  sessionStorage.removeItem(key);
}

/** Tells whether a session's token has a scope. */
export function can({ token }: Session, scope: string): boolean {
  return token.scopes.includes(scope) || token.scopes.includes("admin");
}
