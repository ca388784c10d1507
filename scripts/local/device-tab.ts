import type { Browser, BrowserContext, Page } from "puppeteer-core";
import type { Device, DeviceAnswer, DeviceOptions, DeviceState, Lesson, TaughtLabel } from "#client/device/index.ts";
import type { Instance } from "#client/index.ts";

/** What the page has, and what is left there. */
interface Own {
  openDevice: (options: DeviceOptions) => Promise<Device>;
  device: Device;
  finals: DeviceAnswer[];
}

interface Heap {
  usedSize: number;
  backingStorageSize?: number;
}

/** Instances that cross to the page at a time. */
const batch = 100;

/** A device in a tab of a real browser. */
export class DeviceTab {
  readonly page: Page;
  private readonly options: DeviceOptions;

  private constructor(page: Page, options: DeviceOptions) {
    this.page = page;
    this.options = options;
  }

  /** Opens a tab at a page that can open devices, and a device in it. */
  static async open(browser: Browser | BrowserContext, options: DeviceOptions): Promise<DeviceTab> {
    const tab = new DeviceTab(await browser.newPage(), options);
    await tab.page.goto(options.url);
    await tab.start();
    return tab;
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.start();
  }

  /** Asks in the page; returns the answers that the device gave at once. */
  async ask(instances: readonly Instance[], escalate = true): Promise<DeviceAnswer[]> {
    const answers: DeviceAnswer[] = [];
    for (let from = 0; from < instances.length; from += batch) {
      const some = instances.slice(from, from + batch);
      const asked = this.page.evaluate(
        (given, rises) => (globalThis as unknown as Own).device.askMany(given, { escalate: rises }),
        some,
        escalate,
      );
      answers.push(...(await asked));
    }
    return answers;
  }

  /** Asks in the page, each question after the answer to the one before; returns how long they take, ms. */
  askOneByOne(instances: readonly Instance[]): Promise<number> {
    return this.page.evaluate(async (given) => {
      const { device } = globalThis as unknown as Own;
      const from = performance.now();
      for (const instance of given) await device.ask(instance, { escalate: false });
      return performance.now() - from;
    }, instances);
  }

  /** The bytes of the heaps of the page and its worker, with what they have outside of them. */
  async heapBytes(): Promise<number> {
    const page = await this.page.createCDPSession();
    const heaps = [page, ...this.page.workers().map(({ client }) => client)].map(async (client) => {
      const { usedSize, backingStorageSize } = (await client.send("Runtime.getHeapUsage")) as Heap;
      return usedSize + (backingStorageSize ?? 0);
    });
    return (await Promise.all(heaps)).reduce((sum, bytes) => sum + bytes, 0);
  }

  /** The final answers that came as events since the page was loaded. */
  finals(): Promise<DeviceAnswer[]> {
    return this.page.evaluate(() => (globalThis as unknown as Own).finals);
  }

  state(): Promise<DeviceState> {
    return this.page.evaluate(() => (globalThis as unknown as Own).device.state());
  }

  learn(instance: Instance, label: string): Promise<Lesson> {
    const learned = (given: Instance, name: string) => (globalThis as unknown as Own).device.learn(given, name);
    return this.page.evaluate(learned, instance, label);
  }

  forget(): Promise<TaughtLabel[]> {
    return this.page.evaluate(() => (globalThis as unknown as Own).device.forget());
  }

  contribute(): Promise<{ examples: number }> {
    return this.page.evaluate(() => (globalThis as unknown as Own).device.contribute());
  }

  withdraw(): Promise<boolean> {
    return this.page.evaluate(() => (globalThis as unknown as Own).device.withdraw());
  }

  update(): Promise<boolean> {
    return this.page.evaluate(() => (globalThis as unknown as Own).device.update());
  }

  private async start(): Promise<void> {
    await this.page.waitForFunction(() => "openDevice" in globalThis);
    await this.page.evaluate(async (given) => {
      const own = globalThis as unknown as Own;
      own.device = await own.openDevice(given);
      own.finals = [];
      own.device.on("answer", (answer) => void own.finals.push(answer));
    }, this.options);
  }
}
