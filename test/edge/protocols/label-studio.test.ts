import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { decode } from "fast-png";
import { describe, expect, it } from "vitest";
import type { Answer, ImageInput, Input, Instance, Policy, LabelStudioTask as Task } from "#core/contract/index.ts";
import { labelOf } from "#edge/protocols/label-studio/annotations.ts";
import { labellingConfig } from "#edge/protocols/label-studio/config.ts";
import { labelStudioExportSchema, labelStudioMaxTasks } from "#edge/protocols/label-studio/schema.ts";
import { labelStudioMaxBytes } from "#edge/routes/label-studio.ts";
import type { ReviewObject } from "#objects/review/index.ts";
import { ask, call, eventually, expectOk, instance, publish } from "#test/helpers/edge.ts";
import type { ModelOptions } from "#test/helpers/model.ts";

const policy: Partial<Policy> = { ladder: ["edge", "region", "human"] };
const labels = ["cat", 'a "good" dog', "<neither> & both"];
const [cat, dog, neither] = labels as [string, string, string];
const token = "review-token";

const path = (model: string) => `/v1/models/${model}/review/label-studio`;

async function tasksOf(model: string, query = "", as = token): Promise<Task[]> {
  return (await expectOk(call("GET", `${path(model)}${query}`, { token: as }))).json();
}

/** Publishes a model that accepts nothing, with a number of questions in its queue. */
async function queue(model: string, instances: readonly Instance[], options: ModelOptions = {}): Promise<string[]> {
  await publish({ model, labels, threshold: 1.01, ...options, policy: { ...policy, ...options.policy } });
  const ids: string[] = [];
  for (const one of instances) {
    ids.push((await ask(model, { instance: one })).id);
    await eventually(async () => expect(await waiting(model)).toBe(ids.length));
  }
  return ids;
}

function waiting(model: string): Promise<number> {
  return runInDurableObject(env.REVIEW.get(env.REVIEW.idFromName(model)), (object: ReviewObject) => object.size());
}

/** A task as Label Studio exports it once it is annotated, in the form that its guide shows. */
function annotated({ data }: { data: Omit<Task["data"], "choices"> }, ...choices: (string | null)[]) {
  return {
    id: 1,
    created_at: "2021-03-09T21:52:49.513742Z",
    updated_at: "2021-03-09T22:16:08.746926Z",
    project: 83,
    data,
    annotations: choices.map((choice, i) => ({
      id: 1001 + i,
      result: [
        { from_name: "comment", to_name: "instance", type: "textarea", value: { text: ["so it seems"] } },
        {
          from_name: "label",
          id: "Dx_aB91ISN",
          to_name: "instance",
          type: "choices",
          origin: "manual",
          value: { choices: [choice ?? cat] },
        },
      ],
      was_cancelled: choice === null,
      ground_truth: false,
      lead_time: 4.288,
      result_count: 0,
      task: 1,
      completed_by: 10,
    })),
    predictions: [],
    drafts: [],
  };
}

const send = (model: string, body: unknown, as = token) => call("POST", path(model), { token: as, body });
const answerOf = async (id: string): Promise<Answer> =>
  (await expectOk(call("GET", `/v1/questions/${id}`, { token: "ask-token" }))).json();

describe("review in Label Studio", () => {
  it("exports questions as tasks, and imports annotations as answers", async () => {
    const ids = await queue(
      "studio",
      [1, 2, 3, 4, 5].map((seed) => instance(seed)),
    );
    const tasks = await tasksOf("studio");
    expect(tasks.map(({ data }) => data.upriver_id)).toEqual(ids);
    const choices = labels.map((value) => ({ value }));
    expect(tasks[0]?.data).toEqual({ upriver_id: ids[0], region: "north", choices, instance: instance(1) });
    const [prediction] = tasks[0]?.predictions ?? [];
    expect(prediction).toMatchObject({
      model_version: "edge 1",
      result: [{ from_name: "label", to_name: "instance" }],
    });
    expect(prediction?.score).toBeGreaterThan(0);
    const value = prediction?.result[0]?.value;
    expect(labels).toContain(value && "choices" in value ? value.choices[0] : null);
    // They are leased for as long as another tool may need.
    expect(await tasksOf("studio", "?limit=2", "second-review-token")).toEqual([]);
    expect((await tasksOf("studio", "?limit=2")).length).toBe(2);
    const [first, second, third, fourth, fifth] = tasks as [Task, Task, Task, Task, Task];
    const file = [
      annotated(first, dog),
      annotated(second, null, neither),
      annotated(third, null),
      annotated(fourth, cat, dog),
      annotated(fifth, "unheard of"),
      annotated({ data: { upriver_id: "studio~north~never", region: "north" } }, cat),
      annotated({ data: { upriver_id: "open~north~other", region: "north" } }, cat),
    ];
    const bob = await (await expectOk(send("studio", file.slice(0, 1), "second-review-token"))).json();
    expect(bob).toMatchObject({ accepted: 0, refused: [{ id: ids[0] }] });
    const imported = await (await expectOk(send("studio", file))).json<{ refused: { id: string; reason: string }[] }>();
    expect(imported).toMatchObject({ accepted: 2, skipped: 1 });
    expect(imported.refused.map(({ id }) => id)).toEqual([ids[3], ids[4], "studio~north~never", "open~north~other"]);
    expect(imported.refused[0]?.reason).toContain("disagree");
    expect(imported.refused[1]?.reason).toContain("unheard of");
    expect(await answerOf(ids[0] as string)).toMatchObject({ status: "answered", label: dog, rung: "human" });
    expect(await answerOf(ids[1] as string)).toMatchObject({ status: "answered", label: neither });
    expect(await answerOf(ids[2] as string)).toMatchObject({ status: "open" });
    expect((await tasksOf("studio")).map(({ data }) => data.upriver_id)).toEqual(ids.slice(2));
    // What was imported may be imported again, and corrected.
    expect(await (await expectOk(send("studio", file.slice(0, 1)))).json()).toMatchObject({ accepted: 1, refused: [] });
    expect((await expectOk(send("studio", [annotated(first, cat)]))).status).toBe(200);
    expect(await answerOf(ids[0] as string)).toMatchObject({ label: cat });
  });

  it("changes nothing for a file that is not an export", async () => {
    const [id] = await queue("spoilt", [instance(1)]);
    const [task] = (await tasksOf("spoilt")) as [Task];
    const good = annotated(task, cat);
    const bad: unknown[] = [
      {},
      [],
      [good, { data: {}, annotations: [] }],
      [good, { ...good, data: { upriver_id: 1 } }],
      [good, { ...good, annotations: "none" }],
      [good, { ...good, annotations: [{ result: [{ value: { choices: [1] } }] }] }],
      Array.from({ length: labelStudioMaxTasks + 1 }, () => good),
    ];
    for (const body of bad) expect((await send("spoilt", body)).status).toBe(422);
    expect((await call("POST", path("spoilt"), { token, raw: "[{" })).status).toBe(400);
    expect((await send("spoilt", [good], "ask-token")).status).toBe(403);
    expect((await send("nothing-published", [good])).status).toBe(404);
    expect((await call("POST", path("spoilt"), { token, raw: new Uint8Array(labelStudioMaxBytes + 1) })).status).toBe(
      413,
    );
    expect(await answerOf(id as string)).toMatchObject({ status: "open" });
  });

  it("exports images as PNGs with the same pixels", async () => {
    for (const channels of [1, 3, 4] as const) {
      const input: ImageInput = { kind: "image", size: [2, 3], channels, scale: 1 / 255, offset: 0 };
      const pixels = Array.from({ length: 2 }, (_, y) =>
        Array.from({ length: 3 }, (_, x) => Array.from({ length: channels }, (_, c) => 60 * y + 20 * x + 5 * c)),
      );
      const model = `picture-${channels}`;
      const regions: Policy["regions"] = { from: "header", name: "x-shop", keys: ["north"], parent: "world" };
      await queue(model, [pixels, pixels.flat(2)], { inputs: 6 * channels, input, policy: { regions } });
      for (const { data } of await tasksOf(model)) {
        expect(data.instance).toBeUndefined();
        const [type, base64] = (data.image ?? "").split(",") as [string, string];
        expect(type).toBe("data:image/png;base64");
        const png = decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
        expect([png.width, png.height, png.channels, [...png.data]]).toEqual([3, 2, channels, pixels.flat(2)]);
      }
      expect(await (await call("GET", `${path(model)}/config`, { token })).text()).toContain('<Image name="instance"');
    }
  });

  it("shows the candidates of a question only, and refuses an annotation with another label", async () => {
    const model = "studio-stocked";
    await queue(model, []);
    const { id } = await ask(model, { instance: instance(1), candidates: [neither, cat] });
    await eventually(async () => expect(await waiting(model)).toBe(1));
    const [task] = (await tasksOf(model)) as [Task];
    expect(task.data).toMatchObject({ upriver_id: id, choices: [{ value: neither }, { value: cat }] });
    expect(await (await expectOk(send(model, [annotated(task, dog)]))).json()).toMatchObject({
      accepted: 0,
      refused: [{ id, reason: expect.stringContaining(`one of ${neither}, ${cat}`) }],
    });
    expect((await answerOf(id)).status).toBe("open");
    expect(await (await expectOk(send(model, [annotated(task, cat)]))).json()).toMatchObject({ accepted: 1 });
    expect(await answerOf(id)).toMatchObject({ label: cat, rung: "human", scores: { [cat]: 1, [neither]: 0 } });
  });

  it("has a labelling configuration that takes the choices from each task", async () => {
    await publish({ model: "studio-config", labels });
    const response = await expectOk(call("GET", `${path("studio-config")}/config`, { token }));
    expect(response.headers.get("content-type")).toBe("application/xml; charset=utf-8");
    expect(await response.text()).toBe(
      `<View>
  <Table name="instance" value="$instance"/>
  <Choices name="label" toName="instance" value="$choices" choice="single" required="true" showInline="true"/>
</View>
`,
    );
    const tensor: Input = { kind: "tensor", shape: [2], dtype: "float32", scale: 1, offset: 0 };
    expect(labellingConfig(tensor, {})).toContain('<Text name="instance" value="$instance"/>');
    expect((await call("GET", `${path("studio-config")}/config`, { token: "ask-token" })).status).toBe(403);
  });
});

describe("a label of annotations", () => {
  const task = { data: { upriver_id: "m~r~1", region: "r" } };
  const read = (file: unknown) => labelOf(labelStudioExportSchema.parse([file])[0] as never);

  it("is the one on which all annotators agree", () => {
    expect(read(annotated(task, cat, cat))).toEqual({ ok: true, value: cat });
    expect(read(annotated(task))).toEqual({ ok: true, value: null });
    expect(read({ data: task.data })).toEqual({ ok: true, value: null });
    expect(read(annotated(task, cat, dog)).ok).toBe(false);
  });

  it("is that of the ground truth, if one is marked", () => {
    const file = annotated(task, cat, dog);
    const annotations = file.annotations.map((one, i) => ({ ...one, ground_truth: i === 1 }));
    expect(read({ ...file, annotations })).toEqual({ ok: true, value: dog });
  });

  it("needs exactly one choice, and ignores other controls", () => {
    const choices = { from_name: "label", to_name: "instance", type: "choices", value: { choices: [cat, dog] } };
    expect(read({ ...task, annotations: [{ result: [choices] }] }).ok).toBe(false);
    const other = { ...choices, from_name: "quality" };
    const relation = { from_id: "a", to_id: "b", type: "relation", direction: "right" };
    expect(read({ ...task, annotations: [{ result: [other, relation] }] })).toEqual({ ok: true, value: null });
  });
});
