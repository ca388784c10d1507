import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { PageProps } from "./page.ts";
import { AccessPage } from "./pages/access/index.tsx";
import { AlertsPage } from "./pages/alerts/index.tsx";
import { DataPage } from "./pages/data/index.tsx";
import { useDemo } from "./pages/demo/demo-file.ts";
import { DemoPage } from "./pages/demo/index.tsx";
import { stopDemo } from "./pages/demo/running.ts";
import { ModelsPage } from "./pages/models/index.tsx";
import { OverviewPage } from "./pages/overview/index.tsx";
import { QuestionsPage } from "./pages/questions/index.tsx";
import { RegionsPage } from "./pages/regions/index.tsx";
import { ReviewPage } from "./pages/review/index.tsx";
import { SignIn } from "./pages/sign-in.tsx";
import { TryPage } from "./pages/try/index.tsx";
import { KeyHelp } from "./parts/key-help.tsx";
import { Empty } from "./parts/states.tsx";
import { ThemeButton } from "./parts/theme-button.tsx";
import { linkTo, useRoute } from "./route.ts";
import { can, knownToken, type Session, signIn, signOut } from "./session.ts";

/** The pages and the scope that each one needs. */
const pages: { name: string; title: string; scope: string; Page: ComponentType<PageProps> }[] = [
  { name: "overview", title: "Overview", scope: "metrics", Page: OverviewPage },
  { name: "regions", title: "Regions", scope: "admin", Page: RegionsPage },
  { name: "questions", title: "Questions", scope: "admin", Page: QuestionsPage },
  { name: "data", title: "Data", scope: "admin", Page: DataPage },
  { name: "models", title: "Models", scope: "publish", Page: ModelsPage },
  { name: "alerts", title: "Alerts", scope: "admin", Page: AlertsPage },
  { name: "review", title: "Review", scope: "review", Page: ReviewPage },
  { name: "access", title: "Access", scope: "admin", Page: AccessPage },
  { name: "try", title: "Try it", scope: "ask", Page: TryPage },
  { name: "demo", title: "Demo", scope: "admin", Page: DemoPage },
];

/** The console: the sign-in form, or one of the pages. */
export function App() {
  const [session, setSession] = useState<Session | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const [isTrying, setTrying] = useState(() => knownToken() !== null);
  const route = useRoute();
  const enter = async (token: string) => {
    setTrying(true);
    setFailure(null);
    try {
      setSession(await signIn(token));
    } catch (error) {
      setFailure(error as Error);
    } finally {
      setTrying(false);
    }
  };
  const leave = () => {
    stopDemo();
    signOut();
    setSession(null);
  };
  useEffect(() => {
    const token = knownToken();
    if (token !== null) void enter(token);
  }, []);
  if (!session) return <SignIn onToken={enter} failure={failure} isTrying={isTrying} />;
  return <Shell session={session} route={route} onLeave={leave} />;
}

function Shell({ session, route, onLeave }: PageProps & { onLeave: () => void }) {
  const mine = pages.filter(({ scope }) => can(session, scope));
  const demo = useDemo();
  const [asked] = route.path;
  // The overview was called ladder.
  const here =
    mine.find(({ name }) => name === (asked === "ladder" ? "overview" : asked)) ??
    (route.path.length === 0 ? mine[0] : undefined);
  const shown = mine.filter(({ name }) => name !== "demo" || demo);
  useEffect(() => {
    document.title = here ? `${here.title} – Upriver` : "Upriver";
  }, [here]);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to content
      </button>
      <header>
        <a class="brand" href={linkTo()}>
          Upriver
        </a>
        <nav aria-label="Pages">
          {shown.map(({ name, title }) => (
            <a key={name} href={linkTo(name)} aria-current={name === here?.name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <span class="tools">
          <KeyHelp />
          <ThemeButton />
          <button
            type="button"
            class="quiet"
            onClick={onLeave}
            title={`Signed in as ${session.token.id} at ${session.token.node}`}
          >
            Sign out
          </button>
        </span>
      </header>
      <main id="main" tabIndex={-1}>
        {here ? (
          <here.Page key={here.name} session={session} route={route} />
        ) : !pages.some(({ name }) => name === asked) ? (
          <Empty title="There is no such page.">
            <p>
              <a href={linkTo()}>Open the first page.</a>
            </p>
          </Empty>
        ) : (
          <Empty title="This token cannot open this page.">
            <p>
              Its scopes: {session.token.scopes.join(", ") || "none"}. Needed scopes: metrics for Overview, admin for
              Regions, Questions, Data, Alerts, Access and Demo, publish for Models, review for Review, ask for Try it.
              Sign out to use another token.
            </p>
          </Empty>
        )}
      </main>
    </>
  );
}
