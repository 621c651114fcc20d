/** Of what a client sent, a message shows so many characters at most. */
const SHOWN_LENGTH_MAX = 64;

/** Characters that a terminal or a log would obey or hide instead of showing them; JSON escapes but the first 32. */
const UNSEEN = /[\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A client's text for a message: quoted, cut, and with its control characters escaped. */
export function shownText(text: string): string {
  const characters = [...text.slice(0, 2 * SHOWN_LENGTH_MAX)];
  const isWhole = characters.length <= SHOWN_LENGTH_MAX && text.length <= 2 * SHOWN_LENGTH_MAX;
  const quoted = JSON.stringify(characters.slice(0, SHOWN_LENGTH_MAX).join('')).replace(UNSEEN, escaped);
  return isWhole ? quoted : `${quoted.slice(0, -1)}…"`;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
