"""The network of `cnn.eqs` from layers: derive it, print the derivation, verify it."""

import symbackprop as sb

net = sb.Sequential(
    sb.Conv2d(1, 2, 3, padding=1),
    sb.ReLU(),
    sb.MaxPool2d(2),
    sb.Conv2d(2, 2, 3, padding=1),
    sb.ReLU(),
    sb.AdaptiveAvgPool2d(1),
    sb.Flatten(),
    sb.Linear(2, 3),
)
system = net.system(sb.CrossEntropyLoss(), shape=(1, 4, 6))

if __name__ == "__main__":
    derivation = sb.derive(system)
    print(derivation.text())
    print(derivation.verify())
