import type { ConsoleRoute } from "./route.ts";
import type { Session } from "./session.ts";

/** What every page is given. */
export interface PageProps {
  session: Session;
  place: ConsoleRoute;
}
