// What a program of a partition sees of Virtsec.
export { attachPartition, startPartition } from './hosted/partition.ts';
export type { Partition, PartitionThread, SharedPartition, Wake, WriteAt } from './hosted/partition.ts';
export { sealThread } from './hosted/seal.ts';
export { StreamConsumer, StreamProducer } from './stream.ts';
