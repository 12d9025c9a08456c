import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TOKEN, type World, type Server } from '../docker/support/server.ts';
import { withWorld } from '../docker/support/with-world.ts';
import { writeMonth } from '../unit/report/month.ts';
import { Visit } from './browser.ts';

const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><b>bold</b>';
const LAPTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

let world: World;
let server: Server;
withWorld(async (opened) => {
  world = opened;
  const month = { seed: 1, steps: 60, rollouts: 80, planted: { family: 'git clone', hazard: 0.1 } };
  await writeMonth(join(world.folder, 'data'), month);
  server = await world.start({ LOG_LEVEL: 'error' });
  const command = `printf '%s' '${HOSTILE.replaceAll("'", `'\\''`)}'`;
  await server.tool('shell', 'trace_real', 'call_1', { command });
  await server.tool('shell', 'trace_real', 'call_2', { command: 'sleep 5', timeout_ms: 200 });
});
test('a wrong token is refused, the right one is asked for once and stays in the tab', async () => {
  await using visit = await Visit.begin({ viewport: LAPTOP });
  const { page } = visit;
  await page.goto(server.url);
  await visit.enter('not-the-token');
  await page.getByText('That is not the token.').waitFor();
  await visit.enter(TOKEN);
  await visit.live();
  await page.reload();
  await visit.live();
  expect(await page.locator('dialog').count()).toBe(0);
  expect([...visit.hosts]).toEqual([new URL(server.url).host]);
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([]);
});

test('a call shows within seconds, without a reload, and its text is never HTML', async () => {
  await using visit = await Visit.begin({ viewport: LAPTOP });
  const { page } = visit;
  await page.goto(server.url);
  await visit.enter(TOKEN);
  await visit.live();
  await server.tool('shell', 'trace_<i>new</i>', 'call_1', { command: 'true' });
  await page.getByRole('link', { name: 'trace_<i>new</i>' }).click();
  await page.getByRole('heading', { name: 'trace_<i>new</i>' }).waitFor();
  await page.goto(`${server.url}/#/rollout/trace_real`);
  const output = page.locator('pre.output').first();
  await output.waitFor();
  expect(await output.textContent()).toBe(HOSTILE);
  expect(await page.locator('main img, main pre b').count()).toBe(0);
  expect(await page.locator('.story li.model').textContent()).toContain('time_limit');
  expect(await page.title()).not.toBe('owned');
  expect(visit.complaints).toEqual([]);
});

test('the planted fault is found on the risk view; plots have words for those who do not see them', async () => {
  await using visit = await Visit.begin({ viewport: LAPTOP, colorScheme: 'dark' });
  const { page } = visit;
  await page.goto(`${server.url}/#/risk`);
  await visit.enter(TOKEN);
  await page.locator('select[name=since]').selectOption({ label: 'all' });
  await page.getByText('The command "git clone" fails because of infrastructure').waitFor();
  expect(await page.getByRole('img').first().getAttribute('aria-label')).toContain('git clone');
  expect(await page.locator('.sentences.found').count()).toBe(1);
  expect(visit.complaints).toEqual([]);
});

test('by keyboard: views by number, search by slash, theme by t', async () => {
  await using visit = await Visit.begin({ viewport: LAPTOP, colorScheme: 'light' });
  const { page } = visit;
  await page.goto(server.url);
  await visit.enter(TOKEN);
  await visit.live();
  await page.keyboard.press('5');
  await page.getByRole('heading', { name: 'Reward' }).waitFor();
  await page.keyboard.press('t');
  expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
  await page.keyboard.press('/');
  await page.keyboard.type('trace_real');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'trace_real' }).waitFor();
});

test('by keyboard: what is shown is narrowed down by task, step and image, in every report, and cleared', async () => {
  await using visit = await Visit.begin({ viewport: LAPTOP, colorScheme: 'light' });
  const { page } = visit;
  await page.goto(`${server.url}/#/report`);
  await visit.enter(TOKEN);
  const shown = async (rollouts: RegExp): Promise<void> => {
    await page.locator('.tile', { hasText: 'Rollouts' }).getByText(rollouts).waitFor();
  };
  const type = async (field: string, text: string): Promise<void> => {
    await page.locator(`input[name=${field}]`).focus();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type(text);
    await page.keyboard.press('Enter');
  };
  await page.locator('select[name=since]').selectOption({ label: 'all' });
  await shown(/^4,80\d$/);
  await page.locator('#content').focus();
  await page.keyboard.press('f');
  expect(await page.evaluate('document.activeElement.name')).toBe('job');
  await type('task', 'data');
  await shown(/^1,200$/);
  await type('step', '3');
  await shown(/^20$/);
  await page.keyboard.press('Tab');
  expect(await page.evaluate('document.activeElement.name')).toBe('task');
  await page.goto(`${server.url}/#/training`);
  expect(await page.locator('input[name=task]').inputValue()).toBe('data');
  await page.goto(`${server.url}/#/report`);
  await type('image', 'swe');
  await shown(/^0$/);
  await page.getByRole('button', { name: 'Clear' }).press('Enter');
  await page.locator('select[name=since]').selectOption({ label: 'all' });
  await shown(/^4,80\d$/);
  expect(await page.locator('datalist#known-name option').count()).toBeGreaterThan(3);
  expect(visit.complaints).toEqual([]);
});

test('what is seen has a link: filters stand in the address, and clearing takes them out', async () => {
  await using visit = await Visit.begin({ viewport: LAPTOP });
  const { page } = visit;
  await page.goto(`${server.url}/#/report?since=&step=7`);
  await visit.enter(TOKEN);
  await page.getByRole('heading', { name: 'Top causes' }).waitFor();
  const step = page.locator('input[name=step]');
  expect([await page.locator('select[name=since]').inputValue(), await step.inputValue()]).toEqual(['', '7']);
  await step.fill('8');
  await step.press('Enter');
  await expect.poll(() => new URL(page.url()).hash).toBe('#/report?since=&step=8');
  await page.getByRole('link', { name: 'Risk' }).click();
  await expect.poll(() => new URL(page.url()).hash).toBe('#/risk?since=&step=8');
  await page.reload();
  await expect.poll(() => step.inputValue()).toBe('8');
  await page.getByRole('button', { name: 'Clear' }).click();
  await expect.poll(() => new URL(page.url()).hash).toBe('#/risk');
  expect(visit.complaints).toEqual([]);
});

test('the list of rollouts is narrowed down too', async () => {
  await using visit = await Visit.begin({ viewport: LAPTOP });
  const { page } = visit;
  await page.goto(`${server.url}/#/rollouts`);
  await visit.enter(TOKEN);
  await page.getByRole('link', { name: 'trace_real' }).waitFor();
  await page.locator('input[name=task]').fill('minimal');
  await page.keyboard.press('Enter');
  await page.getByText('None.').waitFor();
  await page.locator('input[name=task]').fill('base');
  await page.locator('select[name=state]').selectOption('live');
  await page.getByRole('link', { name: 'trace_real' }).waitFor();
  expect(visit.complaints).toEqual([]);
});

test('on a phone no view is wider than the screen', async () => {
  await using visit = await Visit.begin({ viewport: PHONE });
  const { page } = visit;
  await page.goto(server.url);
  await visit.enter(TOKEN);
  await visit.live();
  for (const view of ['', 'rollouts', 'report', 'risk', 'training', 'rollout/trace_real']) {
    await page.goto(`${server.url}/#/${view}`);
    await page.locator('.loading').waitFor({ state: 'detached' });
    const excess = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    expect([view, excess]).toEqual([view, 0]);
  }
  expect(visit.complaints).toEqual([]);
});

test('while somebody watches, the server still stops at once', async () => {
  const other = await world.start({ LOG_LEVEL: 'error', FAULTLINE_DATA: join(world.folder, 'other') });
  await using visit = await Visit.begin({ viewport: LAPTOP });
  await visit.page.goto(other.url);
  await visit.enter(TOKEN);
  await visit.live();
  const began = performance.now();
  await other.stop();
  expect(performance.now() - began).toBeLessThan(10_000);
  await visit.page.locator('#link:not(.live)').waitFor();
});
