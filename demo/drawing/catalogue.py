"""Every drawn picture by its file name. The ten photographs in demo/pictures are not made here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from demo.drawing import bath, desk, green, kitchen, light, rest, sound, table
from demo.drawing.palette import (
    BLACK,
    CHALK,
    CLAY,
    GRAPHITE,
    MOSS,
    OAT,
    OXIDE,
    RUST,
    SAGE,
    SAND,
    SLATE,
    SMOKED,
    TEAL,
    TIDE,
)
from demo.drawing.solids import Canvas


@dataclass(frozen=True)
class Picture:
    draw: Callable[[Canvas], None]
    span: float = 0.56  # how much of the picture's width and height the object may take
    pitch: float = 15.0
    width: int = 1200
    height: int = 1200
    centre: float = 0.515


def colours(
    name: str, draw: Callable[[Canvas, str], None], span: float, pitch: float = 15.0, /, **shades: str
) -> dict[str, Picture]:
    def one(colour: str) -> Callable[[Canvas], None]:
        return lambda c: draw(c, colour)

    return {f"{name}-{shade}": Picture(one(colour), span, pitch) for shade, colour in shades.items()}


def scene_table(c: Canvas) -> None:
    table.carafe(c.at(-16, -9))
    table.teapot(c.at(2, -8), SAND)
    table.bowl(c.at(20, -4), MOSS)
    table.plates(c.at(-9, 10), TIDE)
    table.cup(c.at(16, 15), CLAY)


def scene_kitchen(c: Canvas) -> None:
    kitchen.mill(c.at(-31, -6), SMOKED)
    kitchen.kettle(c.at(-16, -5), CHALK)
    kitchen.pot(c.at(13, -2), RUST)
    kitchen.jar(c.at(34, -4), 15, "#c6955a", 0.66)
    kitchen.mortar(c.at(-3, 20))
    kitchen.jar(c.at(27, 14), 9.5, "#8c5a3a", 0.6)


def scene_light(c: Canvas) -> None:
    light.table_lamp(c.at(-14, -8), TIDE)
    light.firefly(c.at(9, 2), SAGE)
    light.candlestick(c.at(24, -6), 16)
    light.candle(c.at(21, 12), 10)
    light.candle(c.at(30, 5), 14)


def scene_sound(c: Canvas) -> None:
    sound.shelf_speaker(c.at(-33, -8), "#c99f72", 16)
    sound.turntable(c.at(7, -4))
    sound.headphones(c.at(-17, 23), "#c9b79c")
    sound.drum(c.at(43, 8))


def scene_desk(c: Canvas) -> None:
    desk.pen_pot(c.at(-17, -10), TEAL)
    desk.book(c.at(4, -6), TIDE, desk.HOUSE)
    desk.bound(c.at(3.4, -6.3, 2.8), 14.8, 21, 2.0, RUST, -22)
    desk.notebook(c.at(-13, 16), MOSS)
    desk.pen(c.at(20, 15), GRAPHITE)


def scene_green(c: Canvas) -> None:
    green.cove(c.at(-19, -6), TIDE)
    green.vase(c.at(2, -12), CHALK)
    green.watering_can(c.at(24, -2), MOSS)
    green.bud_vase(c.at(-3, 10), RUST)
    green.mister(c.at(11, 12))


def scene_rest(c: Canvas) -> None:
    rest.cushion(c.at(-27, -14), OAT)
    rest.cushion(c.at(4, -10), TIDE, 50, 36)
    rest.blanket(c.at(-20, 28), OAT, RUST)
    rest.pouf(c.at(44, 10), MOSS)


def scene_bath(c: Canvas) -> None:
    bath.basket(c.at(-26, -8), 14, 20)
    bath.towels(c.at(10, -4), CHALK)
    bath.dispenser(c.at(36, 2), TIDE)
    bath.soap_dish(c.at(-6, 24), CHALK)
    bath.soap(c.at(17, 25))


def hero(c: Canvas) -> None:
    light.table_lamp(c.at(-33, -14), TIDE)
    green.vase(c.at(-8, -16), CHALK)
    kitchen.kettle(c.at(15, -8), RUST)
    green.cove(c.at(37, -12), CHALK, 7)
    desk.bound(c.at(-17, 14), 24, 17.5, 2.8, MOSS, -10)
    desk.bound(c.at(-17.4, 13.6, 2.8), 21, 14.8, 2.2, OAT, -16)
    table.cup(c.at(-17, 13, 5.0), TEAL)
    table.bowl(c.at(12, 15), SAND)
    light.candle(c.at(29, 9), 9)


SCENES = {"table": scene_table, "kitchen": scene_kitchen, "light": scene_light, "sound": scene_sound,
          "desk": scene_desk, "green": scene_green, "rest": scene_rest, "bath": scene_bath}  # fmt: skip

PICTURES: dict[str, Picture] = {
    # Table
    **colours("espresso", table.espresso, 0.5, 18, teal=TEAL, clay=CLAY, sand=SAND),
    **colours("plate", table.plates, 0.62, 32, chalk=CHALK, tide=TIDE),
    **colours("bowl", table.bowl, 0.54, 20, chalk=CHALK, tide=TIDE, moss=MOSS),
    "tumbler": Picture(table.tumblers, 0.5),
    "board": Picture(table.board, 0.68, 34),
    "teapot": Picture(lambda c: table.teapot(c, SAND), 0.6),
    # Kitchen
    **colours("pot", kitchen.pot, 0.62, 17, rust=RUST, moss=MOSS, graphite=GRAPHITE),
    "pan": Picture(kitchen.pan, 0.68, 28),
    "jar": Picture(kitchen.jars, 0.58),
    "mortar": Picture(kitchen.mortar, 0.52, 18),
    "spoons": Picture(kitchen.spoons, 0.62, 55),
    "mill": Picture(lambda c: kitchen.mill(c, SMOKED), 0.6),
    **colours("kettle", kitchen.kettle, 0.58, chalk=CHALK, moss=MOSS, rust=RUST),
    "oil": Picture(kitchen.oil, 0.58),
    "coffee": Picture(kitchen.coffee, 0.54),
    # Light
    **colours("floor-lamp", light.floor_lamp, 0.76, 12, sage=SAGE, graphite=GRAPHITE),
    **colours("pendant", light.pendant, 0.6, 8, chalk=CHALK, rust=RUST, graphite=GRAPHITE),
    "paper-moon": Picture(light.paper_moon, 0.6, 5),
    "table-lamp": Picture(lambda c: light.table_lamp(c, TIDE), 0.66),
    "candlestick": Picture(light.candlesticks, 0.62),
    "candles": Picture(light.candles, 0.56, 18),
    **colours("firefly", light.firefly, 0.56, sage=SAGE, rust=RUST),
    # Sound
    **colours("headphones", sound.headphones, 0.6, sand="#c9b79c", oxide=OXIDE),
    **colours("radio", sound.radio, 0.6, chalk=CHALK, moss=MOSS, graphite=GRAPHITE),
    "turntable": Picture(sound.turntable, 0.7, 26),
    **colours("shelf-speaker", sound.shelf_speakers, 0.64, oak="#cfa677", smoked="#7d5a40"),
    "perch": Picture(sound.perch, 0.58),
    # Desk
    **colours("notebook", desk.notebook, 0.6, 36, moss=MOSS, rust=RUST),
    "pencils": Picture(desk.pencils, 0.6, 46),
    **colours("pen", desk.pen, 0.6, 48, graphite=BLACK, tide=TIDE, rust=RUST),
    "desk-tray": Picture(desk.desk_tray, 0.66, 32),
    **colours("pen-pot", desk.pen_pot, 0.56, 17, teal=TEAL, clay=CLAY, sand=SAND),
    "book-house": Picture(lambda c: desk.book(c, SLATE, desk.HOUSE), 0.58, 40),
    "book-bread": Picture(lambda c: desk.book(c, RUST, desk.BREAD, 3.4), 0.58, 40),
    "pinboard": Picture(desk.pinboard, 0.64),
    **colours("desk-mat", desk.desk_mat, 0.72, 38, oat=OAT, moss=MOSS),
    # Green
    **colours("cove", green.cove, 0.7, chalk=CHALK, tide=TIDE, clay=CLAY),
    **colours("watering-can", green.watering_can, 0.64, chalk=CHALK, moss=MOSS, rust=RUST),
    **colours("bud-vase", green.bud_vase, 0.66, chalk=CHALK, tide=TIDE, rust=RUST),
    "trowel": Picture(green.trowel, 0.62, 44),
    "mister": Picture(green.mister, 0.54),
    "vase": Picture(lambda c: green.vase(c, CHALK), 0.72),
    # Rest
    "blanket-oat": Picture(lambda c: rest.blanket(c, OAT, RUST), 0.68, 20),
    "blanket-moss": Picture(lambda c: rest.blanket(c, MOSS, OAT), 0.68, 20),
    "blanket-rust": Picture(lambda c: rest.blanket(c, RUST, OAT), 0.68, 20),
    **colours("cushion", rest.cushion, 0.58, oat=OAT, tide=TIDE, rust=RUST),
    **colours("bed-linen", rest.bed_linen, 0.68, 24, chalk=CHALK, tide=TIDE),
    **colours("pouf", rest.pouf, 0.58, 17, oat=OAT, moss=MOSS),
    "eye-pillow": Picture(lambda c: rest.eye_pillow(c, TIDE), 0.64, 32),
    **colours("napkins", table.napkins, 0.6, 28, oat=OAT, tide=TIDE, rust=RUST),
    # Bath
    **colours("towel", bath.towels, 0.64, 18, chalk=CHALK, tide=TIDE, clay=CLAY),
    "bath-mat": Picture(lambda c: bath.bath_mat(c, MOSS), 0.7, 36),
    "soap-dish": Picture(lambda c: bath.soap_dish(c, CHALK), 0.54, 30),
    "soap": Picture(bath.soaps, 0.54, 26),
    **colours("dispenser", bath.dispenser, 0.6, chalk=CHALK, tide=TIDE, graphite=GRAPHITE),
    "basket": Picture(bath.basket, 0.6, 18),
    "stool": Picture(bath.stool, 0.64),
    # Scenes
    **{f"category-{slug}": Picture(draw, 0.8, 18, 1200, 900, 0.53) for slug, draw in SCENES.items()},
    "hero": Picture(hero, 0.8, 18, 1600, 1280, 0.53),
}
