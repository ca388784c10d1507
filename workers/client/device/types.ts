import type { Answer, Input, Instance } from "../contract.ts";
import type { Picture } from "../picture.ts";

/** The public keys that a deployment's manifests and heads are verified by: key id → key, raw in base64. */
export interface DeviceKeys {
  publish: Record<string, string>;
  deployment: Record<string, string>;
}

/**
 * Where a device keeps its model, what waits to be sent, and what it was taught. Values are what a structured clone can copy.
 * IndexedDB in browsers, memory elsewhere, unless given; `fileStorage` of `@upriver/client/device/files` keeps files.
 */
export interface DeviceStorage {
  /** Returns the value of a key; undefined where there is none. */
  get(key: string): Promise<unknown>;
  /** Lists the keys that begin with a prefix, in their order. */
  keys(prefix: string): Promise<string[]>;
  /** Lists the entries whose keys begin with a prefix, in the order of their keys, `limit` at most. */
  list(prefix: string, limit?: number): Promise<[key: string, value: unknown][]>;
  /** Writes entries; `undefined` deletes one. All or none, or else in their order, deletions last. */
  write(entries: readonly (readonly [key: string, value: unknown])[]): Promise<void>;
  close(): void;
}

/** Options of `openDevice`. */
export interface DeviceOptions {
  /** Address of the edge or node above, without a path. */
  url: string;
  /** A token with the scope `ask`: ids of questions that wait belong to it. */
  token: string;
  /**
   * Who uses the device, where several people use one browser: in IndexedDB each has lessons and open questions of their own.
   * Without it all users of an origin share them.
   */
  user?: string;
  model: string;
  /** The region whose head answers; its questions escalate there. */
  region: string;
  /** Pins the keys that may sign. Without them the device trusts those that the deployment at `url` names. */
  keys?: DeviceKeys;
  storage?: DeviceStorage;
  /** Memory for the weights, MB; 48 unless given. The largest network that fits runs. */
  memoryMb?: number;
  /** How often to look for another version or head, in seconds; 300 unless given. */
  updateSeconds?: number;
  /**
   * In a page a worker runs the model. A function makes it another way, such as `() => new Worker(ownUrl, { type: "module" })`;
   * false runs everything where `openDevice` is called.
   */
  worker?: false | (() => Worker);
  /** A replacement of the global `fetch`, where no worker is used. */
  fetch?: typeof fetch;
}

/**
 * What a device is asked about: an instance, or a picture. Pictures need a browser, since Node can't read them. An `ImageBitmap`
 * is moved to the worker and closed, so that it can be given once.
 */
export type DeviceInput = Instance | Picture | ImageBitmap | ImageData;

/** What a question may say. */
export interface DeviceAskOptions {
  /** The only labels that may be answered. */
  candidates?: string[];
  /** How many labels the answer lists in order. */
  top?: number;
  /** Whether a question that is not accepted goes up; yes, unless given. */
  escalate?: boolean;
}

/** An answer of the device, or of a rung above. `open`: it is provisional, and an event brings the final one. */
export interface DeviceAnswer extends Omit<Answer, "rung"> {
  rung: Answer["rung"] | "device";
  /** Whether the device's own head gave it: then it has no certificate. */
  personal?: true;
}

/** A question that the rung above refused, so that it never has a final answer. */
export interface RefusedQuestion {
  id: string;
  /** What was expected, and what to do. */
  reason: string;
}

/** What the device knows of a label after a lesson. */
export interface Lesson {
  label: string;
  /** Whether the model does not have this label. */
  isNew: boolean;
  /** Examples of the label that the device has. */
  examples: number;
  /** How long the new head took, ms. */
  ms: number;
}

/** A label that the device was taught, and how many examples of it there are. */
export interface TaughtLabel {
  label: string;
  isNew: boolean;
  examples: number;
}

/** An exported example: its embedding is of one backbone; with its instance it can be embedded by another. */
export interface ExportedExample {
  label: string;
  backbone: string;
  /** int16, little-endian, in base64. */
  vector: string;
  instance?: Instance;
}

/** A device's own head as JSON. */
export interface ExportedHead {
  format: "upriver-device/1";
  model: string;
  examples: ExportedExample[];
}

/** What was sent to the region. */
export interface Contribution {
  id: string;
  examples: number;
  labels: Record<string, number>;
}

/** Counts of one device since it was first opened. They stay on it: no certificate counts what only a device has seen. */
export interface DeviceCounts {
  asked: number;
  accepted: number;
  /** Accepted answers of its own head. */
  personal: number;
  escalated: number;
  /** Final answers that came back. */
  answered: number;
}

/** The state of a device. */
export interface DeviceState {
  model: string;
  region: string;
  version: string;
  /** The revision of the model's pointer that it follows. */
  revision: number;
  backbone: string;
  /** What instances have to be. */
  input: Input;
  /** The model's labels, those that contributions brought, and those that it was taught. */
  labels: string[];
  /** Whether it runs a network that the version carries for devices. */
  isOwnThin: boolean;
  memoryBytes: number;
  /** Questions that wait to be sent, and sent ones without a final answer. */
  waiting: number;
  open: number;
  counts: DeviceCounts;
  /** Why the last look for a newer version failed, or the last try to send; null where both worked. */
  fault: string | null;
}

/** The events of a device, with their details. */
export interface DeviceEvents {
  /** The final answer to an open question; also to those of a page that was closed. At least once. */
  answer: DeviceAnswer;
  refused: RefusedQuestion;
  /** Another version or head answers from now on. */
  update: DeviceState;
}

/** What the model side of a device does for its page side; every value can cross to a worker. */
export interface DeviceApi {
  ask(inputs: DeviceInput[], options: DeviceAskOptions): Promise<DeviceAnswer[]>;
  known(id: string): Promise<DeviceAnswer | null>;
  learn(input: DeviceInput, label: string): Promise<Lesson>;
  taught(): Promise<TaughtLabel[]>;
  exportHead(withInstances: boolean): Promise<ExportedHead>;
  importHead(head: ExportedHead): Promise<TaughtLabel[]>;
  forget(label: string | null): Promise<TaughtLabel[]>;
  contribute(): Promise<Contribution>;
  withdraw(): Promise<boolean>;
  state(): Promise<DeviceState>;
  update(): Promise<boolean>;
  close(): Promise<void>;
}

/** Takes the events of the model side; resolves once the page has handled one. */
export type Emit = <E extends keyof DeviceEvents>(event: E, detail: DeviceEvents[E]) => Promise<void>;

/** Options that can cross to a worker. */
export type RuntimeOptions = Omit<DeviceOptions, "worker">;
