"""A minimal GPT from layers, as in `gpt.eqs`: derive it, print the derivation, verify it."""

import symbackprop as sb

# Texts of 2 tokens out of 5, one block, two heads that share 4 features; every step's
# scores are an example of the loss.
net = sb.Sequential(
    sb.GPT(vocab_size=5, block_size=2, n_layer=1, n_head=2, n_embd=4),
    sb.Flatten(0, 1),
)
system = net.system(sb.CrossEntropyLoss())

if __name__ == "__main__":
    derivation = sb.derive(system)
    print(derivation.text())
    print(derivation.verify())
