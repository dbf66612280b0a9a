"""A reproducibility study of compute-optimal scaling.

Reading order, which is also the order data flows:

    grids -> config -> counts        which runs, and what each is
    data -> training -> launch       text, the model, the workers that train the grid
    kit                              the same on a machine that reaches nothing: packed here, trained there, brought back
    record -> table                  what a run leaves behind, and the table every fit starts from
    published -> atlas               other people's tables, and all of them in one model
    laws -> inference -> fit         L(N, D), its posterior, the answers and their checks; one table fitted and answered
    analysis -> articles -> render   what the records say; the articles' figures, tables, numbers and words; the pages
    bench                            speed beside other people's code, and replays of what `study next` would have chosen
    cli, commands/                   the `study` command
"""

__version__ = "0.1.0"
