import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const PAGES = globSync(['*.md', '{docker,images,policies,src,test}/**/*.md']).sort();
const FENCE = /^```.*?^```$/gms;

interface Link {
  readonly page: string;
  readonly target: string;
}

/** Links and pictures that lead to a place in the repository. */
function linksOf(page: string): Link[] {
  const prose = readFileSync(page, 'utf8').replaceAll(FENCE, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => ({ page, target }))
    .filter(({ target }) => !/^[a-z]+:/.test(target));
}

/** The names by which a page's headings are linked to, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  const text = readFileSync(page, 'utf8').replaceAll(FENCE, '');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'),
  ); // prettier-ignore
}

function isBroken({ page, target }: Link): boolean {
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? page : join(dirname(page), file);
  if (!existsSync(path)) return true;
  return anchor !== undefined && !anchorsOf(path).includes(anchor);
}

test.each(PAGES)('every link of %s leads to a file and a heading that are there', (page) => {
  expect(
    linksOf(page)
      .filter(isBroken)
      .map(({ target }) => target),
  ).toEqual([]);
});

test('every path that CONTRIBUTING names is there', () => {
  const code = readFileSync('CONTRIBUTING.md', 'utf8').matchAll(
    /`((?:src|test|docker|policies)\/[\w./-]+)`/g,
  );
  const paths = [...code].map(([, path = '']) => path);
  expect(paths.filter((path) => !existsSync(path) && !/NAME|ENGINE/.test(path))).toEqual([]);
});
