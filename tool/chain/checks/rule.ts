// What a rule is: it looks at one kind of subject (the module, the sources, the machine code) and says what is wrong with it.

export interface Report {
  /** `at`: file:line or the like; `text`: what is wrong, and what to do instead. */
  problem(at: string, text: string): void;
  /** Something that was measured on the way. */
  figure(text: string): void;
}

export interface Rule<Subject> {
  readonly name: string;
  check(subject: Subject, report: Report): void;
}

export interface Outcome {
  readonly problems: string[];
  readonly figures: string[];
}

/** Applies rules to their subject. */
export function apply<Subject>(rules: readonly Rule<Subject>[], subject: Subject): Outcome {
  const problems: string[] = [];
  const figures: string[] = [];
  for (const { name, check } of rules) {
    check(subject, {
      problem: (at, text) => problems.push(`${at}: ${name}: ${text}`),
      figure: (text) => figures.push(text),
    });
  }
  return { problems, figures };
}
