export const imageTypes = ["image/jpeg", "image/png", "image/webp"] as const;
/** The supported media types of images. */
export type ImageType = (typeof imageTypes)[number];
