export const picture = (_: unknown, __: unknown): string => '';
