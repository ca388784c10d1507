import type { ConsoleRoute } from "./route.ts";
import type { Session } from "./session.ts";

/** Properties of every page. */
export interface PageProps {
  session: Session;
  route: ConsoleRoute;
}
