import type { GroundTruth } from '../ground-truth.ts';
import type { EngineRequest } from './routes.ts';
import type { FrameName, RequestOperation, Rule, StreamOperation } from './rule.ts';

/** A piece of a stream on its way. */
export interface Piece extends EngineRequest {
  readonly toward: 'sandboxd' | 'controller';
  /** Frames that end in it. */
  readonly frames: readonly FrameName[];
}

interface Counted {
  readonly rule: Rule;
  matches: number;
  worked: number;
}

/** The rules in force, and how often each has matched. Everything they do is in the ground truth. */
export class RuleSet {
  readonly #truth: GroundTruth;
  readonly #random: () => number;
  #rules: Counted[] = [];
  #victims: ReadonlySet<string> = new Set();
  #lifting = Promise.withResolvers<undefined>();

  constructor(truth: GroundTruth, random: () => number) {
    this.#truth = truth;
    this.#random = random;
  }

  /** Adds to those in force. @param victims Ids of the containers that `victims` rules are about. */
  add(rules: readonly Rule[], victims: Iterable<string>): void {
    this.#victims = new Set(victims);
    this.#rules.push(...rules.map((rule) => ({ rule, matches: 0, worked: 0 })));
  }

  /** Ends all of them and lets go of what they hold. Returns those that have never worked. */
  lift(): readonly Rule[] {
    const idle = this.#rules.filter(({ worked }) => worked === 0).map(({ rule }) => rule);
    this.#rules = [];
    this.#lifting.resolve(undefined);
    this.#lifting = Promise.withResolvers<undefined>();
    return idle;
  }

  /** Resolves when the rules of this moment are lifted. */
  get lifted(): Promise<undefined> {
    return this.#lifting.promise;
  }

  ofRequest(request: EngineRequest): RequestOperation | null {
    for (const counted of this.#rules) {
      const { rule } = counted;
      if (!('request' in rule) || !this.#fits(rule, request) || !this.#works(counted)) continue;
      this.#note(request, rule.request, []);
      return rule.request;
    }
    return null;
  }

  ofPiece(piece: Piece): StreamOperation | null {
    for (const counted of this.#rules) {
      const { rule } = counted;
      if (!('stream' in rule) || !this.#fits(rule, piece)) continue;
      if (rule.toward !== undefined && rule.toward !== piece.toward) continue;
      if (rule.frame !== undefined && !piece.frames.includes(rule.frame)) continue;
      if (!this.#works(counted)) continue;
      this.#note(piece, rule.stream, piece.frames);
      return rule.stream;
    }
    return null;
  }

  #fits(rule: Rule, { route, container }: EngineRequest): boolean {
    return rule.on === route && (!rule.victims || (container !== null && this.#victims.has(container)));
  }

  #works(counted: Counted): boolean {
    const { skip, times, probability } = counted.rule;
    counted.matches += 1;
    if (counted.matches <= skip || (times !== undefined && counted.worked >= times)) return false;
    if (probability < 1 && this.#random() >= probability) return false;
    counted.worked += 1;
    return true;
  }

  #note(
    request: EngineRequest,
    operation: RequestOperation | StreamOperation,
    frames: readonly string[],
  ): void {
    this.#truth.note('proxy', { route: request.route, container: request.container, operation, frames });
  }
}
