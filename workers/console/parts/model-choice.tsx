import type { ComponentChildren } from "preact";
import type { ModelSummary, UpriverClient } from "#client/index.ts";
import { usePolled } from "../polled.ts";
import { type ConsoleRoute, linkTo } from "../route.ts";
import { NothingServed } from "./nothing-served.tsx";
import { Loaded } from "./states.tsx";

interface Props {
  client: UpriverClient;
  route: ConsoleRoute;
  /** The heading for a model; `title` is the heading without one. */
  titleOf: (model: string) => string;
  title: string;
  /** Whether to include models without a served version. */
  isAll?: boolean;
  everyMs?: number;
  children: (model: ModelSummary, reload: () => void) => ComponentChildren;
}

/** Shows the model that the route names, or the first one, with links to the others. */
export function ModelChoice({ client, route, titleOf, title, isAll = false, everyMs, children }: Props) {
  const live = usePolled("models", () => client.models(), everyMs ?? null);
  const [page = "", name] = route.path;
  return (
    <Loaded of={live}>
      {(all) => {
        const models = all.filter(({ stable }) => isAll || stable !== null);
        const chosen = models.find(({ model }) => model === name) ?? models[0];
        if (!chosen)
          return (
            <>
              <h1>{title}</h1>
              <NothingServed />
            </>
          );
        return (
          <>
            <h1>{titleOf(chosen.model)}</h1>
            {models.length > 1 && (
              <nav class="models" aria-label="Models">
                {models.map(({ model }) => (
                  <a key={model} href={linkTo(page, model)} aria-current={model === chosen.model ? "page" : undefined}>
                    {model}
                  </a>
                ))}
              </nav>
            )}
            {children(chosen, live.reload)}
          </>
        );
      }}
    </Loaded>
  );
}
