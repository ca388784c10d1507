export const imageTypes = ["image/jpeg", "image/png", "image/webp"] as const;
/** The media types of the images that are taken. */
export type ImageType = (typeof imageTypes)[number];
