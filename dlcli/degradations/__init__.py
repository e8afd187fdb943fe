"""How clean images become what a network restores: noise, blur, smaller images, masks."""
