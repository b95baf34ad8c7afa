/** Something the user has to do; its message is one line that says what. */
export class SetupError extends Error {}
