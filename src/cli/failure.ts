// Exit statuses, and the one exception that the command line prints for people.

/** docs/contracts: what each exit status means. */
export const EXIT = {
  /** Done and held. */
  ok: 0,
  /** What was asked to hold does not: a failed expectation, a guest that ended in failure. */
  failed: 1,
  /** Wrong usage or input. */
  usage: 2,
  /** A fault of Virtsec itself. */
  internal: 70,
  timeout: 124,
  interrupted: 130,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** `message` is printed as it is; `help` says what to do next. */
export class Failure extends Error {
  readonly status: ExitStatus;
  readonly help: string | undefined;

  constructor(status: ExitStatus, message: string, help?: string) {
    super(message);
    this.status = status;
    this.help = help;
  }
}
