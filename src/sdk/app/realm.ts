// The realm of one application: a world of its own with the language and nothing else, hardened by ses (https://github.com/
// endojs/endo, "Hardened JavaScript"): its intrinsics are frozen before the application's first line runs, so that no module
// of it can change what another sees; there is no clock, no randomness, no eval and no I/O but by the powers that it is given.
// The wall around the partition is the jail of its process, not this.
import vm from 'node:vm';
import type { Powers } from './powers.ts';
import { OWN, POWERS, javascriptOf } from './sources.ts';
import { mainOf, waiting } from './subset.ts';
import type { Library, Pack } from './sources.ts';

/** ses removes what it does not know from the intrinsics; from the globals we remove what gives powers. */
const PREPARE = `
lockdown({
  errorTaming: 'unsafe', // stack traces: of use to the author, and of its own code alone
  overrideTaming: 'moderate',
  consoleTaming: 'unsafe',
  evalTaming: 'no-eval',
  reporting: 'none',
});
for (const name of ['console', 'Compartment', 'lockdown', 'repairIntrinsics', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'eval', 'escape', 'unescape', 'getStackString']) {
  delete globalThis[name];
}
// These have no clock and no randomness.
globalThis.Date = Date.prototype.constructor;
globalThis.Math = Object.freeze(Object.defineProperties({}, Object.fromEntries(
  Object.entries(Object.getOwnPropertyDescriptors(Math)).filter(([name]) => name !== 'random'),
)));
`;

/** An application that cannot be loaded: a module that is not there, or is not for applications, or does not parse. */
export class LoadError extends Error {}

interface Own {
  readonly own: {
    readonly kernel: { moduleHasRun(): void; exit(status: number): Promise<never> };
    readonly self: { readonly startKind: 'boot' | 'warm' | 'cold' };
  };
}
type Main = { readonly main: (...words: readonly unknown[]) => Promise<number> } & Readonly<
  Record<string, new () => object>
>;

/** `main(state, restarts, startKind)` of a program in the subset; what it returns is its status. Classes are its own or a library's. */
async function runMain(
  modules: readonly Main[],
  types: readonly string[],
  { kernel, self }: Own['own'],
): Promise<void> {
  // How often it was restarted nobody tells here; that it was is what programs ask.
  const words = [self.startKind === 'boot' ? 0 : 1, self.startKind === 'warm' ? 1 : 0];
  const values = types.map((type) => {
    if (type === 'number') return words.shift();
    const module = modules.find((one) => Object.hasOwn(one, type));
    if (module === undefined) throw new LoadError(`main: ${type} is not a class that the program exports`);
    return new module[type]();
  });
  await kernel.exit(await modules[0].main(...values));
}

export interface Realm {
  /** Runs the application's main module; resolves when it has run (what it has started goes on). Rejects with its error. */
  run(): Promise<void>;
}

/** Builds the realm and links the application's modules in it. Throws LoadError. */
export async function openRealm(library: Library, pack: Pack, powers: Powers): Promise<Realm> {
  if (vm.SourceTextModule === undefined) throw new LoadError('this Node was started without --experimental-vm-modules');
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY, {
    name: pack.entry,
    codeGeneration: { strings: false, wasm: false },
  });
  new vm.Script(library.ses, { filename: 'ses' }).runInContext(context);
  new vm.Script(PREPARE, { filename: 'virtsec/realm' }).runInContext(context);

  const typeErrorOf = new vm.Script('(message) => new TypeError(message)').runInContext(context) as (
    message: string,
  ) => object;

  const modules = new Map<string, vm.Module>();
  /** Types of the parameters of `main`, if the application is a program in the subset. */
  const parameters = mainOf(pack.modules[pack.entry] ?? '');
  const javascript = (identifier: string, source: string): string => {
    if (library.modules.has(identifier)) return library.subset.has(identifier) ? waiting(source) : source;
    const text = javascriptOf(identifier, source);
    return parameters === undefined ? text : waiting(text);
  };
  const asModule = (identifier: string, source: string): vm.Module => {
    try {
      return new vm.SourceTextModule(javascript(identifier, source), {
        context,
        identifier,
        initializeImportMeta: () => {},
        importModuleDynamically: async (specifier: string, referrer: vm.Module) => {
          try {
            const module = find(specifier, referrer.identifier);
            await link(module);
            if (module.status === 'linked') await module.evaluate();
            return module;
          } catch (error) {
            // What the application catches must be of its own realm.
            throw error instanceof Error ? typeErrorOf(error.message) : error;
          }
        },
      });
    } catch (error) {
      throw new LoadError(`${identifier}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const powersModule = new vm.SyntheticModule(['powers'], () => powersModule.setExport('powers', powers), {
    context,
    identifier: POWERS,
  });

  /** Virtsec's modules import each other by path; an application's import each other, and Virtsec's by their public names. */
  function find(specifier: string, from: string): vm.Module {
    const isOurs = library.modules.has(from);
    let identifier = Object.hasOwn(library.names, specifier) ? library.names[specifier] : undefined;
    if (identifier === undefined && /^\.\.?\//.test(specifier)) identifier = resolve(from, specifier);
    if (identifier === undefined) {
      const allowed = Object.keys(library.names).join(', ');
      throw new LoadError(`${from} imports ${specifier}: an application may import its own files, ${allowed}`);
    }
    if (isOurs && identifier === POWERS) return powersModule;
    const found = modules.get(identifier);
    if (found !== undefined) return found;
    const own = isOurs || Object.hasOwn(library.names, specifier) ? library.modules.get(identifier) : undefined;
    if (own === undefined && !Object.hasOwn(pack.modules, identifier)) {
      throw new LoadError(`${from} imports ${specifier}: there is no such module`);
    }
    const module = asModule(identifier, own ?? pack.modules[identifier]);
    modules.set(identifier, module);
    return module;
  }

  const link = async (module: vm.Module): Promise<void> => {
    if (module.status === 'unlinked') await module.link((specifier, from) => find(specifier, from.identifier));
  };
  const ownModule = asModule(OWN, library.modules.get(OWN) ?? '');
  modules.set(OWN, ownModule);
  const main = asModule(pack.entry, pack.modules[pack.entry] ?? '');
  modules.set(pack.entry, main);
  await link(ownModule);
  await link(main);
  return {
    async run() {
      await ownModule.evaluate();
      await main.evaluate();
      const { own } = ownModule.namespace as Own;
      if (parameters !== undefined) {
        const libraries = Object.values(library.names).flatMap((name) => modules.get(name) ?? []);
        await runMain(
          [main, ...libraries].map(({ namespace }) => namespace as Main),
          parameters,
          own,
        );
      }
      own.kernel.moduleHasRun();
    },
  };
}

/** `./b.ts` from `lib/a.ts` is `lib/b.ts`. A path that leaves the root is one that no module has. */
function resolve(from: string, specifier: string): string {
  const isAbsolute = from.startsWith('/');
  const parts = from.split('/').slice(isAbsolute ? 1 : 0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return `${isAbsolute ? '/' : ''}${parts.join('/')}`;
}
