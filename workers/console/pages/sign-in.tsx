import { useRef } from "preact/hooks";
import { ProblemNotice } from "../parts/states.tsx";

interface Props {
  onToken: (token: string) => void;
  failure: Error | null;
  isTrying: boolean;
}

/** The form that asks for a token. */
export function SignIn({ onToken, failure, isTrying }: Props) {
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? "";
    if (token) onToken(token);
  };
  return (
    <main class="sign-in">
      <h1>Upriver</h1>
      <p>Questions flow up, models flow down.</p>
      <form onSubmit={submit}>
        <label for="token">API token of this deployment</label>
        <input id="token" ref={field} type="password" autocomplete="current-password" required />
        <button type="submit" class="primary" disabled={isTrying}>
          {isTrying ? "Signing in …" : "Sign in"}
        </button>
      </form>
      {failure && <ProblemNotice error={failure} />}
      <p class="muted">
        The token is kept in this tab only. Its scopes decide which pages you see. <code>npx upriver token</code> makes
        a token; <code>npm start</code> prints a link that signs you in.
      </p>
    </main>
  );
}
