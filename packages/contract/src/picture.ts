/** A picture of a screen, as it travels: PNG only, which its signature proves at every hop. */
import { Closed, OneOf, Type } from "./schema.ts";

/** The type that every door serves a picture as, whatever its sender says. */
export const pictureType = "image/png";
/** In base64; what a message of the bus has room for. */
const pictureMax = 7 * 2 ** 20;

export const Picture = Closed({
  contentType: OneOf([pictureType]),
  base64: Type.String({
    // `iVBORw0KGgo` is what PNG's signature (PNG 3rd edition, 5.2) and the first byte after it always are.
    pattern: "^iVBORw0KGgo[A-Za-z0-9+/]*={0,2}$",
    maxLength: pictureMax,
    description: "The picture, a PNG, in base64 (RFC 4648 §4)",
  }),
});
