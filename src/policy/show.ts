// The expanded form of a description, written again in the format that it was read from: it reads back as itself.
import { stringify } from 'yaml';
import { type Channel, type Description, type Partition } from './description.ts';
import { formatSize, formatSpan, formatTime } from './quantities.ts';

type Written = Record<string, unknown>;

/** Without the fields that are undefined, empty lists and empty maps. */
const filled = (fields: Written): Written =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => {
      if (value === undefined) return false;
      return typeof value !== 'object' || value === null || Object.keys(value).length > 0;
    }),
  );

export function showDescription(description: Description, as: 'yaml' | 'json'): string {
  const { system, labels, partitions, channels, modes, faults, assertions } = description;
  const document = filled({
    virtsec: 1,
    system,
    labels: Object.fromEntries(labels.map(({ name, dominates }) => [name, dominates])),
    partitions: Object.fromEntries(partitions.map((one) => [one.name, showPartition(one)])),
    channels: Object.fromEntries(channels.map((one) => [one.name, showChannel(one)])),
    schedules: Object.fromEntries(
      modes.map(({ name, frame, cores }) => {
        const shown = [...cores].map(([core, windows]) => [
          core,
          windows.map(({ partition, start, end }) => ({ [partition]: formatSpan(start, end) })),
        ]);
        return [name, { frame: formatTime(frame), cores: Object.fromEntries(shown) as Written }];
      }),
    ),
    faults: Object.fromEntries(faults),
    assert: assertions.map((one) => {
      const said = `${one.from.join(', ')} -> ${one.to.join(', ')}`;
      if (one.kind === 'only') return { only: said, through: one.through };
      return filled({ never: said, direct: one.direct || undefined });
    }),
  });
  return as === 'json'
    ? `${JSON.stringify(document, null, 2)}\n`
    : stringify(document, { lineWidth: 120, aliasDuplicateObjects: false });
}

function showPartition(one: Partition): Written {
  const { files, grants, may, faults, sha256 } = one;
  const isGuest = one.form === 'guest';
  const guest =
    files &&
    filled({
      kernel: files.kernel,
      initrd: files.initrd,
      firmware: files.firmware,
      cmdline: files.cmdline === '' ? undefined : files.cmdline,
      devicetree: files.deviceTree,
      sha256,
    });
  return filled({
    [one.form]: guest ?? one.what,
    memory: formatSize(one.memory),
    ...(isGuest ? { harts: one.harts, engine: one.engine, clock: one.clock } : {}),
    ready: one.ready,
    config: one.config,
    sha256: sha256['app'],
    label: one.label,
    start: one.start,
    needs: one.needs && `${formatTime(one.needs.time)} every ${formatTime(one.needs.every)}`,
    grants: filled({
      terminal: grants.terminal ? 'stdio' : undefined,
      connect: grants.connect,
      listen: grants.listen,
      file: grants.file,
      folder: grants.folder,
      readonly: grants.readonly || undefined,
    }),
    may: filled({
      manage: may.manage,
      audit: may.audit,
      switch: may.switch,
      'shut-down': may.shutDown || undefined,
    }),
    devices: Object.fromEntries(
      one.devices.map(({ name, registers, interrupt, dma }) => {
        const span = `0x${registers.start.toString(16)}-0x${registers.end.toString(16)}`;
        return [name, filled({ registers: span, interrupt, dma })];
      }),
    ),
    faults: filled({
      ...Object.fromEntries(faults.actions),
      otherwise: faults.otherwise,
      process: Object.fromEntries(faults.process),
      beat: faults.beat && formatTime(faults.beat),
      // Defaults that mean nothing where nothing restarts are not written.
      ...([...faults.actions.values(), faults.otherwise].some((action) => action.endsWith('-restart'))
        ? {
            restarts: `${faults.restarts.count} per ${formatTime(faults.restarts.per)}`,
            backoff: formatTime(faults.backoff),
          }
        : {}),
    }),
  });
}

function showChannel(channel: Channel): Written {
  const { kind, from, to, bytes, within, refresh, depth, overflow, credit, as } = channel;
  return filled({
    [kind]: `${from} ${kind === 'stream' ? '<->' : '->'} ${to.join(', ')}`,
    bytes: kind === 'signal' ? undefined : formatSize(bytes),
    within: within && formatTime(within),
    refresh: refresh && formatTime(refresh),
    depth,
    overflow,
    credit,
    as,
  });
}
