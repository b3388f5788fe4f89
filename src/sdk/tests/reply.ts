export const reply = (signature: string): string => `signed: ${signature}`;
