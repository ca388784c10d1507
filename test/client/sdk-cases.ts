import {
  type Answer,
  type ClientOptions,
  DeadlineError,
  ProblemError,
  type ScalePicture,
  UnreachableError,
  type UpriverClient,
} from "#client/index.ts";
import { asksAboutPhoto } from "./picture-cases.ts";

/** What the cases need: a real edge with the models `easy` (accepts all), `open` (accepts nothing) and `pictures`. */
export interface SdkSetup {
  client: (scope: "ask" | "teach" | "review" | "admin", options?: Partial<ClientOptions>) => UpriverClient;
  /** This runtime's way to the edge. */
  fetch: typeof fetch;
  /** A PNG for `pictures`, and its pixels. */
  picture: { bytes: Uint8Array<ArrayBuffer>; pixels: number[][][] };
}

/** What the client does in Node, in workerd and in a browser. */
export const sdkCases: Record<string, (setup: SdkSetup) => Promise<void>> = {
  async "asks one question"({ client }) {
    const answer = await client("ask").ask("easy", instance(1));
    same([answer.rung, answer.status, answer.accepted], ["edge", "answered", true]);
  },

  async "asks many questions in few requests and keeps their order"({ client, fetch }) {
    let requests = 0;
    const counting: typeof fetch = (input, init) => {
      requests++;
      return fetch(input, init);
    };
    const instances = Array.from({ length: 2_500 }, (_, i) => instance(i));
    const answers = await client("ask", { fetch: counting }).askMany("easy", instances);
    same(requests, 3);
    same(answers.length, 2_500);
    for (const i of [0, 1_023, 1_024, 2_499]) {
      same(answers[i]?.scores, (await client("ask").ask("easy", instance(i))).scores);
    }
  },

  async "yields each of many answers as it arrives"({ client }) {
    const seen: Answer[] = [];
    for await (const answer of client("ask").askEach("easy", [instance(1), instance(2)])) seen.push(answer);
    same(seen.length, 2);
  },

  async "asks about a picture and teaches its label"({ client, picture }) {
    const { bytes, pixels } = picture;
    const { scores } = await client("ask").ask("pictures", pixels);
    same((await client("ask").ask("pictures", { type: "image/png", bytes })).scores, scores);
    same((await client("ask").ask("pictures", new Blob([bytes], { type: "image/png" }))).scores, scores);
    const chosen = { candidates: ["a", "b"], top: 2 };
    const { top } = await client("ask").ask("pictures", { type: "image/png", bytes }, chosen);
    same((await client("ask").ask("pictures", pixels, chosen)).top, top);
    same(top?.length, 2);
    same(await client("teach").teachPicture("pictures", { type: "image/png", bytes }, "a"), {
      accepted: 1,
      changed: 1,
    });
  },

  async "scales a phone's photo down where it can, and passes on what to do elsewhere"({ client }) {
    await asksAboutPhoto(client("ask"), client("teach"));
  },

  async "makes a picture fit in the caller's own way, where it does not"({ client, picture }) {
    const seen: number[] = [];
    const scalePicture: ScalePicture = async (given, { maxSide, maxBytes, maxPixels }) => {
      seen.push(maxSide, maxBytes, maxPixels, given instanceof Blob ? given.size : given.bytes.byteLength);
      return { type: "image/png", bytes: picture.bytes };
    };
    const own = client("ask", { scalePicture });
    const { scores } = await own.ask("pictures", { type: "image/png", bytes: picture.bytes });
    same(seen, []);
    same((await own.ask("pictures", new Blob(["GIF89a"], { type: "image/gif" }))).scores, scores);
    same(seen, [2_048, 4_194_304, 4_194_304, 6]);
  },

  async "skips, flags and corrects questions, and exports and imports Label Studio tasks"({ client }) {
    const reviewer = client("review");
    const [first, second] = await client("ask").askMany("open", [instance(801), instance(802)]);
    const [one, two] = [first?.id ?? "", second?.id ?? ""];
    await leased(reviewer, one);
    await leased(reviewer, two);
    same((await reviewer.skip(one)).skipped, true);
    same((await thrown(reviewer.skip(one))) instanceof ProblemError, true);
    const tasks = await reviewer.labelStudioTasks("open");
    const task = tasks.find(({ data }) => data.upriver_id === two);
    same(task?.data.instance, instance(802));
    same((await reviewer.labelStudioConfig("open")).includes('value="$choices"'), true);
    const choice = { from_name: "label", to_name: "instance", type: "choices", value: { choices: ["b"] } };
    const annotated = { data: { upriver_id: two }, annotations: [{ result: [choice] }] };
    same(await reviewer.labelStudioImport("open", [annotated]), { accepted: 1, skipped: 0, refused: [] });
    same((await client("ask").question(two)).label, "b");
    same((await reviewer.answer(two, "c")).label, "c");
    const flagged = await reviewer.flag(one, "a test");
    same("status" in flagged && flagged.status, "answered");
    same((await reviewer.flagged("open")).find(({ id }) => id === one)?.reason, "a test");
    await reviewer.answer(one, "a");
    same((await reviewer.flagged("open")).length, 0);
  },

  async "waits for the answer of an open question"({ client }) {
    const open = await client("ask").ask("open", instance(1));
    same(open.status, "open");
    const waiting = client("ask").wait(open, { deadlineMs: 20_000 });
    await answered(client("review"), open.id, "b");
    const answer = await waiting;
    same([answer.label, answer.rung, answer.status], ["b", "human", "answered"]);
  },

  async "follows a question as a stream"({ client }) {
    const open = await client("ask").ask("open", instance(2));
    const seen: string[] = [];
    for await (const { status, label } of client("ask").stream(open, { deadlineMs: 20_000 })) {
      seen.push(status);
      if (status === "open") await answered(client("review"), open.id, "c");
      else same(label, "c");
    }
    same(seen, ["open", "answered"]);
  },

  async "teaches truths"({ client }) {
    const open = await client("teach").ask("open", instance(3));
    const taught = await client("teach").teach(open.id, "a");
    same([taught.label, taught.source, taught.changed], ["a", "truth", true]);
    const many = { truths: [{ label: "b", question: { instance: instance(4) } }] };
    same(await client("teach").teachMany("open", many), { accepted: 1, changed: 1 });
  },

  async "throws a ProblemError with its kind"({ client }) {
    const wrong = await thrown(client("ask").ask("easy", { region: "north", x0: "seven" }));
    same(wrong instanceof ProblemError && [wrong.kind, wrong.status], ["invalid", 422]);
    same((wrong as ProblemError).problem.errors?.[0]?.path, "x0");
    const unknown = await thrown(client("ask").model("nobody"));
    same(unknown instanceof ProblemError && unknown.kind, "not-found");
    const stranger = await thrown(client("ask", { token: "stranger" }).models());
    same(stranger instanceof ProblemError && stranger.kind, "unauthorised");
    const forbidden = await thrown(client("ask").regions("easy"));
    same(forbidden instanceof ProblemError && forbidden.kind, "forbidden");
  },

  async "stops at its deadline and when its signal aborts"({ client }) {
    const open = await client("ask").ask("open", instance(5));
    same((await thrown(client("ask").wait(open, { deadlineMs: 300 }))) instanceof DeadlineError, true);
    const controller = new AbortController();
    const waiting = thrown(client("ask").wait(open, { signal: controller.signal }));
    controller.abort(new Error("enough"));
    same(((await waiting) as Error).message, "enough");
  },

  async "retries a passing failure and reports a lasting one"({ client, fetch }) {
    let tries = 0;
    const busy: typeof fetch = (input, init) => {
      if (++tries > 2) return fetch(input, init);
      return Promise.resolve(new Response("busy", { status: 503, headers: { "retry-after": "0" } }));
    };
    same((await client("ask", { fetch: busy }).ask("easy", instance(1))).rung, "edge");
    same(tries, 3);
    const away: typeof fetch = () => Promise.reject(new TypeError("the network is away"));
    same((await thrown(client("ask", { fetch: away, tries: 2 }).models())) instanceof UnreachableError, true);
  },

  async "asks the same question when a request is sent again"({ client, fetch }) {
    const seen: string[] = [];
    // The first response is lost.
    const losing: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      seen.push(((await response.clone().json()) as Answer).id);
      if (seen.length === 1) throw new TypeError("the connection was cut");
      return response;
    };
    const answer = await client("ask", { fetch: losing }).ask("open", instance(6));
    same(seen, [answer.id, answer.id]);
    const keyed = () => client("ask").ask("open", instance(7), { idempotencyKey: `order-${answer.id}` });
    same((await keyed()).id, (await keyed()).id);
  },
};

function instance(i: number) {
  return { region: "north", x0: i / 1_000, x1: 1, x2: -0.5, x3: null };
}

async function answered(reviewer: UpriverClient, id: string, label: string): Promise<void> {
  await leased(reviewer, id);
  await reviewer.answer(id, label);
}

async function leased(reviewer: UpriverClient, id: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const { questions } = await reviewer.review("open", { limit: 100 });
    if (questions.some((question) => question.id === id)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`question ${id} did not come to review`);
}

async function thrown(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => null,
    (error: unknown) => error,
  );
}

// Works in a browser too, where there is no test runner.
function same(found: unknown, expected: unknown): void {
  const [a, b] = [found, expected].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`expected ${b}, but found ${a}`);
}
