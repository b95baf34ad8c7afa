/** A message with its control characters spelled out, lines and tabs apart: what it quotes of an image or a container must not steer the terminal. */
export function printable(message: string): string {
  return message.replace(/[^\P{Cc}\n\t]/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
