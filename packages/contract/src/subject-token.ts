/**
 * One token of a subject, made of data: an id with a dot or a wildcard in it would name another subject.
 * @throws TypeError when it is not one token
 */
export const subjectToken = (text: string): string => {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) throw new TypeError("A part of a subject must be letters, digits, '-' and '_'");
  return text;
};
