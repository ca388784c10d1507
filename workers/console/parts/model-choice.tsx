import { linkTo } from "../route.ts";

/** The models as links, where there are several: each is a place of its own. */
export function ModelChoice({ page, models, model }: { page: string; models: string[]; model: string }) {
  if (models.length < 2) return null;
  return (
    <nav class="models" aria-label="Models">
      {models.map((name) => (
        <a key={name} href={linkTo(page, name)} aria-current={name === model ? "page" : undefined}>
          {name}
        </a>
      ))}
    </nav>
  );
}
