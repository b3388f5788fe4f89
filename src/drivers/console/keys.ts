// What the user types, split into what a guest gets and what the menu is asked. A pure state machine: no process, no clock.

/** Ctrl-]: free in shells and editors, and what telnet and `virsh console` leave a console with. */
export const MENU_KEY = 0x1d;

export type Request = 'quit' | 'help' | 'size' | 'open-menu' | 'close-menu' | { readonly console: number };

/** `bytes` go to the guest first, then comes the request. */
export interface Keys {
  readonly bytes: Uint8Array;
  readonly request?: Request;
}

export class KeyReader {
  #isOpen = false;

  get menuIsOpen(): boolean {
    return this.#isOpen;
  }

  /** Splits what was read from the terminal. The menu key opens the menu; the key after it is for the menu. */
  read(typed: Uint8Array): Keys[] {
    const keys: Keys[] = [];
    let from = 0;
    for (let i = 0; i < typed.length; i++) {
      if (!this.#isOpen) {
        if (typed[i] !== MENU_KEY) continue;
        keys.push({ bytes: typed.subarray(from, i), request: 'open-menu' });
        this.#isOpen = true;
        from = i + 1;
        continue;
      }
      const request = this.#choose(typed[i]);
      from = i + 1;
      if (request === 'help') {
        keys.push({ bytes: new Uint8Array(), request });
        continue; // and the menu stays open
      }
      this.#isOpen = false;
      const literal = request === undefined ? Uint8Array.of(MENU_KEY) : new Uint8Array();
      keys.push({ bytes: literal, request: request ?? 'close-menu' });
    }
    if (from < typed.length) keys.push({ bytes: typed.subarray(from) });
    return keys;
  }

  /** undefined: the menu key itself is meant for the guest. */
  #choose(key: number): Request | undefined {
    const letter = String.fromCharCode(key);
    if (letter === 'q' || letter === 'Q') return 'quit';
    if (letter === 's' || letter === 'S') return 'size';
    if (letter === '?' || letter === 'h') return 'help';
    if (letter === 'c' || letter === 'C' || key === MENU_KEY) return undefined;
    if (letter >= '1' && letter <= '9') return { console: Number(letter) - 1 };
    return 'close-menu';
  }
}
