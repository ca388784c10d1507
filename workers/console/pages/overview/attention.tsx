import type { Ladder, UpriverClient } from "#client/index.ts";
import { Badge } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { can, type Session } from "#console/session.ts";
import { type AttentionItem, attentionOf, type ModelNeeds } from "./attention.ts";

const everyMs = 30_000;
/** Models whose regions and trainings are looked at: one call of each a round. */
const modelsMax = 20;
const regionsMax = 20;

/** What needs somebody's attention, each with what to do. */
export function Attention({ session, ladder }: { session: Session; ladder: Ladder }) {
  const names = ladder.models.slice(0, modelsMax).map(({ model }) => model);
  const needs = usePolled(`needs ${names.join()}`, () => load(session, names), everyMs);
  const items = attentionOf(ladder, needs.value ?? []);
  return (
    <section class="card attention" aria-labelledby="attention">
      <h2 id="attention" class="small">
        Needs attention
      </h2>
      {items.length === 0 ? (
        <p class="muted">
          {needs.value === null && "Looking …"}
          {needs.value !== null &&
            (can(session, "admin")
              ? "Nothing needs attention."
              : "Nothing needs attention, as far as this token may see: what regions need takes the scope admin.")}
        </p>
      ) : (
        <ul class="list">
          {items.map((item) => (
            <Item key={keyOf(item)} item={item} />
          ))}
        </ul>
      )}
    </section>
  );
}

// Details have counts: with another key at each poll, a link would lose the focus.
function keyOf({ title, detail, links: [first] }: AttentionItem): string {
  return `${title} ${first?.href ?? detail}`;
}

function Item({ item: { kind, title, detail, links, command } }: { item: AttentionItem }) {
  return (
    <li class="head">
      <span>
        <Badge kind={kind}>{title}</Badge> {detail}
      </span>
      <span class="line">
        {links.map(({ text, href }) => (
          <a key={href} href={href}>
            {text}
          </a>
        ))}
        {command && <code>{command}</code>}
      </span>
    </li>
  );
}

function load(session: Session, names: readonly string[]): Promise<ModelNeeds[]> {
  const { client } = session;
  return Promise.all(
    names.map(async (model) => ({
      model,
      regions: can(session, "admin") ? await regionsOf(client, model) : [],
      // An edge without an origin has no trainings.
      trainings: can(session, "publish") ? await client.trainings(model).catch(() => []) : [],
    })),
  );
}

async function regionsOf(client: UpriverClient, model: string) {
  const page = await client.regionPage(model, { by: "need", limit: regionsMax }).catch(() => null);
  return page?.regions ?? null;
}
