import { type TokenState, UpriverClient } from "#client/index.ts";

/** Somebody who is signed in: the client with their token, and what it may do. */
export interface Session {
  client: UpriverClient;
  token: TokenState;
}

const key = "upriver-token";

/**
 * The token that this tab knows. A link may bring one behind `#token=`, which no server ever sees: `npm start` prints
 * such a link. It is taken out of the address at once, and forgotten with the tab.
 */
export function knownToken(): string | null {
  const brought = /^#token=([^&]+)/.exec(location.hash)?.[1];
  if (brought) {
    sessionStorage.setItem(key, decodeURIComponent(brought));
    history.replaceState(null, "", `${location.pathname}#/`);
  }
  return sessionStorage.getItem(key);
}

/** Signs in; throws what the edge says of the token. */
export async function signIn(token: string): Promise<Session> {
  const client = new UpriverClient({ url: location.origin, token });
  const session = { client, token: await client.token() };
  sessionStorage.setItem(key, token);
  return session;
}

/** Forgets the token. */
export function signOut(): void {
  sessionStorage.removeItem(key);
}

/** Whether a session's token has a scope. */
export function can({ token }: Session, scope: string): boolean {
  return token.scopes.includes(scope) || token.scopes.includes("admin");
}
