import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core';

/** Debian's, or what Ubuntu users install: it has no package of Chromium. */
const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/google-chrome'];
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]; // prettier-ignore

/** For machines that have much else to do. */
const WAIT_MS = 90_000;

/** A browser with a profile of its own that is removed with it, and one page whose mishaps are kept. */
export class Visit implements AsyncDisposable {
  readonly page: Page;
  /** What the page or its content security policy complained about. */
  readonly complaints: string[] = [];
  readonly hosts = new Set<string>();
  readonly #context: BrowserContext;
  readonly #profile: string;

  private constructor(context: BrowserContext, page: Page, profile: string) {
    this.#context = context;
    this.#profile = profile;
    this.page = page;
    page.setDefaultTimeout(WAIT_MS);
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
    page.on('request', (request) => this.hosts.add(new URL(request.url()).host));
  }

  static async begin(options: BrowserContextOptions = {}): Promise<Visit> {
    const profile = mkdtempSync(join(tmpdir(), 'faultline-browser-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: PROGRAMS.find((file) => existsSync(file)) ?? PROGRAMS.join(' or '),
      args: FLAGS,
      ...options,
    });
    return new Visit(context, await context.newPage(), profile);
  }

  /** Types the token where it is asked for. */
  async enter(token: string): Promise<void> {
    await this.page.locator('input[name=token]').fill(token);
    await this.page.keyboard.press('Enter');
  }

  /** Until the server's news arrive. */
  async live(): Promise<void> {
    await this.page.locator('#link.live').waitFor();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
    rmSync(this.#profile, { recursive: true });
  }
}
