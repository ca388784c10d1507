/* Writes a CMYK JPEG with libjpeg, which sharp writes in one form only. make-odd-pictures.ts compiles and runs it:
   make-cmyk <cmyk|ycck> <sampling of the four components: 22112211> <progressive: 0 or 1> <restart rows> <file> */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>

int main(int argc, char **argv) {
  const int width = 37, height = 29;
  struct jpeg_compress_struct cinfo;
  struct jpeg_error_mgr jerr;
  FILE *out = fopen(argv[5], "wb");
  if (argc != 6 || !out) return 1;
  cinfo.err = jpeg_std_error(&jerr);
  jpeg_create_compress(&cinfo);
  jpeg_stdio_dest(&cinfo, out);
  cinfo.image_width = width;
  cinfo.image_height = height;
  cinfo.input_components = 4;
  cinfo.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&cinfo);
  jpeg_set_colorspace(&cinfo, strcmp(argv[1], "ycck") ? JCS_CMYK : JCS_YCCK);
  jpeg_set_quality(&cinfo, 92, TRUE);
  for (int i = 0; i < 4; i++) {
    cinfo.comp_info[i].h_samp_factor = argv[2][2 * i] - '0';
    cinfo.comp_info[i].v_samp_factor = argv[2][2 * i + 1] - '0';
  }
  if (atoi(argv[3])) jpeg_simple_progression(&cinfo);
  cinfo.restart_in_rows = atoi(argv[4]);
  jpeg_start_compress(&cinfo, TRUE);
  for (int y = 0; y < height; y++) {
    JSAMPLE row[4 * 37];
    for (int x = 0; x < width; x++) {
      /* Stored as Photoshop does: 255 is no ink. */
      row[4 * x] = 255 - 6 * x;
      row[4 * x + 1] = 255 - 8 * y;
      row[4 * x + 2] = 5 * x;
      row[4 * x + 3] = 255 - x * y / 8;
    }
    JSAMPROW rows[1] = {row};
    jpeg_write_scanlines(&cinfo, rows, 1);
  }
  jpeg_finish_compress(&cinfo);
  fclose(out);
  return 0;
}
