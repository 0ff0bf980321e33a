"""How linear images as functions are: between pixels, in the image, in the latent; and what each point depends on."""
