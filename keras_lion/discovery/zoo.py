"""Optimizers of the literature as programs, each with its source.

Learning rates and weight decays are constants of the program: `lr` is the value of a
schedule with peak 1. Numbered programs are those of
[Chen et al., 2023](https://arxiv.org/abs/2302.06675).
"""

from __future__ import annotations

from collections.abc import Mapping

from keras_lion.discovery.language.program import Program

# Chen et al., Program 3, where the search begins: AdamW without bias correction and ε.
# (Division is protected by 1e-8, as ε would.)
ADAMW = Program.parse("""
    g2 = square(g)
    m = interpolate(g, m, 0.9)
    v = interpolate(g2, v, 0.999)
    s = sqrt(v)
    update = m / s
    wd = w * 0.01
    update = update + wd
    lr = lr * 0.001
    update = update * lr
""")

# Chen et al., Program 8, as the search left it. A reconstruction: the statements are
# those described, their order and the last digits of the constants other than the two
# of `interpolate` are from secondary sources.
PROGRAM_8 = Program.parse("""
    g = clip_by_global_norm(g, lr)
    m = clip_by_global_norm(m, lr)
    v845 = sqrt(0.6270633339881897)
    v968 = sign(v)
    v968 = v - v
    g = arcsin(g)
    m = interpolate(g, v, 0.8999999761581421)
    v1 = m * m
    v = interpolate(g, m, 1.109133005142212)
    v845 = tanh(v845)
    lr = lr * 0.0002171761734643951
    update = m * lr
    v1 = sqrt(v1)
    update = update / v1
    wd = lr * 0.4601978361606598
    v1 = square(v1)
    wd = wd * w
    m = cosh(update)
    lr = tan(1.4572199583053589)
    update = update + wd
    lr = cos(v845)
""")

# Chen et al., Program 4: Program 8 without most of its dead statements, rounded.
PROGRAM_4 = Program.parse("""
    g = clip_by_global_norm(g, lr)
    g = arcsin(g)
    m = interpolate(g, v, 0.899)
    m2 = m * m
    v = interpolate(g, m, 1.109)
    a = sqrt(m2)
    update = m / a
    wd = w * 0.4602
    update = update + wd
    lr = lr * 0.0002
    m = cosh(update)
    update = update * lr
""")

# Chen et al., Program 1, with β₁ = 0.9, β₂ = 0.99, learning rate 1e-4 and decay 1.
LION = Program.parse("""
    c = interpolate(g, m, 0.9)
    m = interpolate(g, m, 0.99)
    update = sign(c)
    wd = w * 1.0
    update = update + wd
    lr = lr * 0.0001
    update = update * lr
""")

SGD = Program.parse("""
    lr = lr * 0.01
    update = g * lr
""")

# Polyak, 1964, with the learning rate outside of the momentum.
SGD_MOMENTUM = Program.parse("""
    m = m * 0.9
    m = m + g
    lr = lr * 0.01
    update = m * lr
""")

# Bernstein et al., 2018, https://arxiv.org/abs/1802.04434, Algorithm 2.
SIGNUM = Program.parse("""
    m = interpolate(g, m, 0.9)
    update = sign(m)
    lr = lr * 0.0001
    update = update * lr
""")

# Chen et al., Program 6 in outline: v adds squares up without forgetting
# (Duchi et al., 2011), here under AdamW's first moment.
ADAGRAD_LIKE = Program.parse("""
    g2 = square(g)
    m = interpolate(g, m, 0.9)
    v = v + g2
    s = sqrt(v)
    update = m / s
    lr = lr * 0.01
    update = update * lr
""")

# Chen et al., Program 7 in outline: v follows (g − m)², as in AdaBelief,
# Zhuang et al., 2020, https://arxiv.org/abs/2010.07468.
ADABELIEF_LIKE = Program.parse("""
    m = interpolate(g, m, 0.9)
    d = g - m
    d2 = square(d)
    v = interpolate(d2, v, 0.999)
    s = sqrt(v)
    update = m / s
    lr = lr * 0.001
    update = update * lr
""")

# Bello et al., 2017, https://arxiv.org/abs/1709.07417: exp(sign(g) sign(m)) g.
POWERSIGN = Program.parse("""
    m = interpolate(g, m, 0.9)
    a = sign(g)
    b = sign(m)
    c = a * b
    c = exp(c)
    update = c * g
    lr = lr * 0.01
    update = update * lr
""")

# Bello et al., 2017: (1 + sign(g) sign(m)) g.
ADDSIGN = Program.parse("""
    m = interpolate(g, m, 0.9)
    a = sign(g)
    b = sign(m)
    c = a * b
    c = c + 1.0
    update = c * g
    lr = lr * 0.01
    update = update * lr
""")

# Li et al., 2020, https://arxiv.org/abs/2004.09740, with β₂ = 1e-4 and without a first
# moment: a program counts no steps, so m is (1 + β₂)^t − 1, which v is divided by.
ADAX = Program.parse("""
    m = m * 1.0001
    m = m + 0.0001
    v = v * 1.0001
    g2 = square(g)
    g2 = g2 * 0.0001
    v = v + g2
    s = v / m
    s = sqrt(s)
    update = g / s
    lr = lr * 0.001
    update = update * lr
""")

ZOO: Mapping[str, Program] = {
    "adamw": ADAMW,
    "program_8": PROGRAM_8,
    "program_4": PROGRAM_4,
    "lion": LION,
    "sgd": SGD,
    "sgd_momentum": SGD_MOMENTUM,
    "signum": SIGNUM,
    "adagrad_like": ADAGRAD_LIKE,
    "adabelief_like": ADABELIEF_LIKE,
    "powersign": POWERSIGN,
    "addsign": ADDSIGN,
    "adax": ADAX,
}
