import type { ComponentChildren } from "preact";
import type { ModelSummary, UpriverClient } from "#client/index.ts";
import { usePolled } from "../polled.ts";
import { type ConsoleRoute, linkTo } from "../route.ts";
import { NothingServed } from "./nothing-served.tsx";
import { Loaded } from "./states.tsx";

interface Props {
  client: UpriverClient;
  place: ConsoleRoute;
  /** The heading above the model of that name, and above nothing. */
  titleOf: (model: string) => string;
  title: string;
  /** Also models that no version of serves. */
  isAll?: boolean;
  everyMs?: number;
  children: (model: ModelSummary, reload: () => void) => ComponentChildren;
}

/** The model that the place names, or the first; the others as links, each a place of its own. */
export function ModelChoice({ client, place, titleOf, title, isAll = false, everyMs, children }: Props) {
  const live = usePolled("models", () => client.models(), everyMs ?? null);
  const [page = "", name] = place.path;
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
