// One client for each protocol, written from its description and not from Upriver's code: they know only URLs and JSON.

/** Where a client asks, and with which key. */
export interface Server {
  url: string;
  key: string;
}

type Json = Record<string, unknown>;

async function post({ url, key }: Server, path: string, body: Json): Promise<Json> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const reply = (await response.json()) as Json;
  if (!response.ok) throw new Error(`${response.status}: ${JSON.stringify(reply)}`);
  return reply;
}

/** What a client learned about a ticket: its desk, the probability of each, and how likely it is about billing. */
export interface Verdict {
  desk: string;
  probabilities: Record<string, number>;
  isBilling: number;
}

const desks: Record<string, string> = {
  account: "Passwords and profiles",
  billing: "Invoices and refunds",
  delivery: "Late or lost parcels",
};

/** System One: state and a map of questions in, a map of answers out. */
export async function bySystemOne(server: Server, ticket: string): Promise<Verdict> {
  const reply = await post(server, "/v1/systemone", {
    model: "tickets",
    state: ticket,
    questions: {
      desk: { type: "choice", instructions: "Which desk should answer?", criteria: desks },
      billing: { type: "noul", instructions: "billing" },
    },
  });
  const { desk, billing } = reply.answers as { desk: Json; billing: Json };
  return {
    desk: desk.choice as string,
    probabilities: desk.probabilities as Record<string, number>,
    isBilling: billing.noul as number,
  };
}

/** OpenAI Decisions: an input and a list of questions in, answers in the same order out. */
export async function byDecisions(server: Server, ticket: string): Promise<Verdict> {
  const choices = Object.entries(desks).map(([value, description]) => ({ value, description }));
  const reply = await post(server, "/v1/decisions", {
    model: "tickets",
    input: ticket,
    questions: [
      { type: "choice", name: "desk", instructions: "Which desk should answer?", choices },
      { type: "predicate", name: "billing", instructions: "billing" },
    ],
  });
  const [desk, billing] = reply.answers as [Json, Json];
  const probabilities = desk.probabilities as { value: string; probability: number }[];
  return {
    desk: desk.choice as string,
    probabilities: Object.fromEntries(probabilities.map(({ value, probability }) => [value, probability])),
    isBilling: billing.probability as number,
  };
}

/** Chat completions: a letter for each desk as an enum, read with its log-probabilities. */
export async function byChat(server: Server, ticket: string): Promise<Omit<Verdict, "isBilling">> {
  const names = Object.keys(desks);
  const letters = names.map((_, i) => "ABC".charAt(i));
  const listed = names.map((name, i) => `${letters[i]}: ${name} - ${desks[name]}.`).join(" ");
  const properties = { k: { type: "string", enum: letters } };
  const schema = { type: "object", properties, required: ["k"], additionalProperties: false };
  const reply = await post(server, "/v1/chat/completions", {
    ...{ model: "tickets", temperature: 0, max_completion_tokens: 16, logprobs: true, top_logprobs: 20 },
    messages: [
      { role: "system", content: `Pick the letter. ${listed}` },
      { role: "user", content: ticket },
    ],
    response_format: { type: "json_schema", json_schema: { name: "pick", strict: true, schema } },
  });
  const [choice] = reply.choices as [{ message: { content: string }; logprobs: { content: Json[] } }];
  const { k } = JSON.parse(choice.message.content) as { k: string };
  const [token] = choice.logprobs.content as [{ top_logprobs: { token: string; logprob: number }[] }];
  const masses = letters.map((letter) => {
    return Math.exp(token.top_logprobs.find((one) => one.token === letter)?.logprob ?? Number.NEGATIVE_INFINITY);
  });
  const sum = masses.reduce((total, mass) => total + mass, 0);
  return {
    desk: names[letters.indexOf(k)] as string,
    probabilities: Object.fromEntries(names.map((name, i) => [name, (masses[i] as number) / sum])),
  };
}
