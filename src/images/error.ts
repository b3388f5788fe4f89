// What can go wrong between asking for an image and having it.

export type ImageErrorCode =
  | 'unknown-image' // no image has this name
  | 'not-fetched' // not in the cache, and the network was not to be asked
  | 'no-source' // neither apt with a Debian mirror nor a mirror that the user named
  | 'missing-tool' // a program that the host must have is not there
  | 'network' // a server did not answer, or not with the file
  | 'no-suite' // the mirror has no such suite, or not for riscv64
  | 'expired' // the suite's signed index says that it is no longer valid
  | 'signature' // the signature is missing, wrong, or by a key that is not trusted
  | 'hash' // a file is not the one that the signed index names
  | 'no-package' // the suite has no such package
  | 'archive' // a package or an index that cannot be read
  | 'cache'; // the cache directory cannot be used

/** `message` says in one sentence what is wrong; `help` what to do next. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly code: ImageErrorCode;
  readonly help: string;

  constructor(code: ImageErrorCode, message: string, help: string) {
    super(message);
    this.code = code;
    this.help = help;
  }
}
