"""The network of `lstm.eqs` from layers: derive it, print the derivation, verify it."""

import symbackprop as sb

net = sb.Sequential(
    sb.LSTM("D", "H", batch_first=True, output="last"),
    sb.Linear("H", "K"),
)
system = net.system(sb.CrossEntropyLoss())

if __name__ == "__main__":
    derivation = sb.derive(system)
    print(derivation.text())
    print(derivation.verify())
