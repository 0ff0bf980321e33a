"""The image server: pictures as functions over HTTP, by IIIF addresses, and `upscale` as a request."""
